# TF_VAR_confidant_token="$(confidant token)" terraform plan
terraform {
  required_version = ">= 1.2"
  required_providers {
    http = {
      source  = "hashicorp/http"
      version = ">= 3.4"
    }
  }
}

variable "confidant_url" {
  type    = string
  default = "https://confidant.example.com"
}

variable "confidant_service" {
  type    = string
  default = "web-production"
}

variable "confidant_token" {
  description = "What `confidant token` prints."
  type        = string
  sensitive   = true
}

data "http" "confidant" {
  url = "${var.confidant_url}/v1/services/${var.confidant_service}"

  request_headers = {
    Accept        = "application/json"
    Authorization = "Basic ${base64encode(var.confidant_token)}"
  }
  request_timeout_ms = 10000

  # Retries after network failures and 5xx.
  retry {
    attempts     = 3
    min_delay_ms = 500
    max_delay_ms = 5000
  }

  lifecycle {
    # Without this, Terraform would take the body of an error for the response.
    postcondition {
      condition     = self.status_code == 200
      error_message = "Confidant answered ${self.status_code} for ${var.confidant_service}."
    }
  }
}

locals {
  credentials = sensitive(jsondecode(data.http.confidant.response_body).credentials)

  # Every value of the service by its key. If two credentials have the same key, that is an error.
  secrets = {
    for pair in flatten([
      for credential in local.credentials : [
        for key, value in credential.credential_pairs : { key = key, value = value }
      ]
    ]) : pair.key => pair.value
  }
}

# If the service does not have the key, that is an error.
output "db_password" {
  value     = local.secrets["db_password"]
  sensitive = true
}
