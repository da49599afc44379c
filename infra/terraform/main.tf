# The home Region of Kiln: the release's template, as a stack. What Kiln is made of stands in that template alone.

locals {
  template = file("${var.release}/template-${var.architecture}.yaml")
  # The template names the zip of each function, such as bake-arm64.zip, which lies beside it.
  zips = {
    for found in regexall("CodeUri: (\\w+)-", local.template) :
    found[0] => "${var.release}/${found[0]}-${var.architecture}.zip"
  }
  keys = { for function, zip in local.zips : function => "${var.prefix}${function}/${filesha256(zip)}.zip" }
  # The same template, with the object of each function.
  packaged = join("\n", [
    for line in split("\n", local.template) : try(
      "${regex("^ *CodeUri: ", line)}s3://${var.bucket}/${local.keys[regex("CodeUri: (\\w+)-", line)[0]]}", line
    )
  ])
}

data "aws_region" "home" {}

# A key tells the content, so a new version is a new object, and CloudFormation sees the change. The former one is
# removed after the stack's update, which goes back to it if it fails.
resource "aws_s3_object" "function" {
  for_each = local.zips

  bucket = var.bucket
  key    = local.keys[each.key]
  source = each.value

  lifecycle {
    create_before_destroy = true
  }
}

# Too long for the call itself.
resource "aws_s3_object" "template" {
  bucket  = var.bucket
  key     = "${var.prefix}template/${sha256(local.packaged)}.yaml"
  content = local.packaged

  lifecycle {
    create_before_destroy = true
  }
}

data "aws_s3_bucket" "release" {
  bucket = var.bucket
}

resource "aws_cloudformation_stack" "kiln" {
  name         = var.name
  template_url = "https://${data.aws_s3_bucket.release.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
  parameters   = merge(var.parameters, { Architecture = var.architecture })
  tags         = var.tags

  depends_on = [aws_s3_object.function]
}
