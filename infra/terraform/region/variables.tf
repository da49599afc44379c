variable "release" {
  description = "The folder of Kiln's release files: the one that the home Region has."
  type        = string
}

variable "home_region" {
  description = "The home Region: the output home_region of the module for it."
  type        = string
}

variable "name" {
  description = "The name of the home Region's stack: the output name of the module for it."
  type        = string
}

variable "parameters" {
  description = "Parameters of the template of a further Region, by their names. docs/reference/template-parameters.md lists them."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.parameters), ["HomeRegion", "BusName"])) == 0
    error_message = "Give the home Region and the name by the variables home_region and name."
  }
}

variable "tags" {
  description = "Tags of the stack. CloudFormation gives them to everything in it that takes tags."
  type        = map(string)
  default     = {}
}
