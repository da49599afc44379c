output "name" {
  description = "The name of the stack and of its event bus, and how all other names begin."
  value       = aws_cloudformation_stack.kiln.name
}

output "home_region" {
  description = "The home Region, for the module region."
  value       = data.aws_region.home.id
}

output "recipe_path" {
  description = "The path in Parameter Store below which the recipes stand."
  value       = aws_cloudformation_stack.kiln.outputs["RecipePath"]
}

output "outputs" {
  description = "All outputs of the stack, by their names."
  value       = aws_cloudformation_stack.kiln.outputs
}
