# An image that Packer makes and Kiln takes over: the recipe asks for its name by `[adopt] name = "packer-web-*"`, and
# the tag kiln:recipe says to which recipe it belongs.
#
#   packer init infra/packer && packer build infra/packer
#
# When the image becomes available, Kiln's verify takes it in as a version of the recipe `web`: it is booted in another
# Availability Zone with the recipe's check, shared, copied to the recipe's Regions, released, and one day expired, as any
# image that Kiln bakes itself. Build it in Kiln's home Region. The recipe's [bake] goes on by its own schedule; a recipe
# for such images alone is left out of it by a bake schedule of its own (`make invoke FN=bake`).

packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = "~> 1.3"
    }
  }
}

variable "region" {
  type    = string
  default = "us-east-1"
}

source "amazon-ebs" "web" {
  region        = var.region
  ami_name      = "packer-web-{{timestamp}}"
  instance_type = "t4g.small"
  ssh_username  = "ec2-user"

  source_ami_filter {
    owners      = ["amazon"]
    most_recent = true
    filters = {
      name                = "al2023-ami-2023.*-arm64"
      architecture        = "arm64"
      virtualization-type = "hvm"
    }
  }

  tags = {
    # To which recipe it belongs. Without this tag Kiln never touches it.
    "kiln:recipe" = "web"
    # Optional: its version, a UTC time. Without it, the time of its creation.
    # "kiln:version" = formatdate("YYYYMMDD'T'hhmmss'Z'", timestamp())
  }

  # Kiln copies, shares and tags; Packer must not do it as well.
}

build {
  sources = ["source.amazon-ebs.web"]

  provisioner "shell" {
    inline = ["sudo dnf -y upgrade", "sudo dnf -y install nginx", "sudo systemctl enable nginx"]
  }
}
