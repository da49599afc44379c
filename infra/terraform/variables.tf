variable "release" {
  description = "The folder of Kiln's release files: a published version, or what make release-files laid into .build/dist."
  type        = string
}

variable "bucket" {
  description = "A bucket of yours in the home Region. It takes the functions and the template, and keeps them while they are deployed."
  type        = string
}

variable "prefix" {
  description = "How the names of these objects begin in the bucket, such as kiln/."
  type        = string
  default     = ""
}

variable "name" {
  description = "The stack's name, which all other names follow."
  type        = string
  default     = "kiln"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,37}$", var.name))
    error_message = "The name must be a letter and at most 37 more letters, digits and hyphens."
  }
}

variable "architecture" {
  description = "The processor architecture of the functions. The images that they bake may have either."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture must be arm64 or x86_64."
  }
}

variable "parameters" {
  description = "Parameters of the template, by their names. docs/reference/template-parameters.md lists them. What is not given has its default."
  type        = map(string)
  default     = {}

  validation {
    condition     = !contains(keys(var.parameters), "Architecture")
    error_message = "Give the architecture by the variable architecture: the zips follow it too."
  }
}

variable "tags" {
  description = "Tags of the stack. CloudFormation gives them to everything in it that takes tags."
  type        = map(string)
  default     = {}
}
