# Kiln in us-east-1, with images in eu-west-1 too. Begin with the release files in ./kiln, or give -var release=…

variable "release" {
  type    = string
  default = "kiln"
}

provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "ireland"
  region = "eu-west-1"
}

resource "aws_s3_bucket" "kiln" {
  bucket_prefix = "kiln-files-"
  # With all versions of these files, once terraform destroy has removed the stacks.
  force_destroy = true
}

resource "aws_s3_bucket_versioning" "kiln" {
  bucket = aws_s3_bucket.kiln.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "kiln" {
  bucket                  = aws_s3_bucket.kiln.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_sns_topic" "oncall" {
  name = "oncall"
}

module "kiln" {
  source  = "../"
  release = var.release
  bucket  = aws_s3_bucket.kiln.id

  parameters = {
    AlarmTopic   = aws_sns_topic.oncall.arn
    BakeSchedule = "cron(0 1 * * ? *)"
    LogRetention = "90"
  }
}

module "kiln_ireland" {
  source    = "../region"
  providers = { aws = aws.ireland }

  release     = var.release
  home_region = module.kiln.home_region
  name        = module.kiln.name
}

output "recipe_path" {
  value = module.kiln.recipe_path
}
