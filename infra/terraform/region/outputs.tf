output "undelivered_queue" {
  description = "The queue of events that did not reach the home Region."
  value       = aws_cloudformation_stack.region.outputs["UndeliveredQueue"]
}

output "forward_role_arn" {
  description = "The role by which EventBridge forwards to the home Region."
  value       = aws_cloudformation_stack.region.outputs["ForwardRoleArn"]
}
