# A further Region of Kiln, in the Region of the provider: it forwards events to the home Region.

resource "aws_cloudformation_stack" "region" {
  name          = "${var.name}-region"
  template_body = file("${var.release}/region.yaml")
  capabilities  = ["CAPABILITY_IAM"]
  parameters    = merge(var.parameters, { HomeRegion = var.home_region, BusName = var.name })
  tags          = var.tags
}
