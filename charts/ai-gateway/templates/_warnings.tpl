{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* What is set and is named differently here, or has no effect: a YAML list of lines, each naming the value. */}}
{{- define "gateway.warnings" -}}
{{- $found := list -}}
{{- $values := dict
  "image.repository" (list .Values.image.repository "there are several images: set image.prefix")
  "gitlab.apiUrl" (list .Values.gitlab.apiUrl "the gateway asks GitLab for nothing but its keys, and finds them below gitlab.url")
  "logging.json" (list (eq (toString .Values.logging.json) "false") "logs are always JSON")
  "authBypassExternal" (list .Values.authBypassExternal "authentication cannot be passed by")
  "volumes" (list .Values.volumes "nothing of yours is mounted; for certificates set trust.caBundle")
  "volumeMounts" (list .Values.volumeMounts "nothing of yours is mounted; for certificates set trust.caBundle")
  "sidecars" (list .Values.sidecars "pods have one container; between them there is TLS")
  "duoWorkflow" (list .Values.duoWorkflow "the Duo Workflow service is no part of this gateway")
  "duoWorkflowSigningKey" (list .Values.duoWorkflowSigningKey "the Duo Workflow service is no part of this gateway")
  "duoWorkflowValidationKey" (list .Values.duoWorkflowValidationKey "the Duo Workflow service is no part of this gateway")
  "grpc-tls-proxy" (list (index .Values "grpc-tls-proxy") "the Duo Workflow service is no part of this gateway")
-}}
{{- range $name, $said := $values -}}
{{- if first $said -}}{{- $found = append $found (printf "%s has no effect: %s." $name (last $said)) -}}{{- end -}}
{{- end -}}
{{- range .Values.ingress.hosts -}}
{{- range .paths -}}
{{- if ne (.path | default "/") "/" -}}
{{- $found = append $found (printf "ingress.hosts[0].paths: %s has no effect, all paths lead to the gateway." .path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $instead := dict
  "AIGW_SELF_SIGNED_JWT__SIGNING_KEY" "set aigwSigningKey"
  "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY" "set aigwValidationKey"
  "SSL_CERT_FILE" "set trust.caBundle"
  "REQUESTS_CA_BUNDLE" "set trust.caBundle"
  "WEB_CONCURRENCY" "set workloads.router.replicas"
  "AIGW_MODEL_SELECTION__DEFAULT_MODELS" "set models and features"
  "AIGW_MOCK_MODEL_RESPONSES" "a provider of type Echo answers without a model"
-}}
{{- $used := list "AIGW_GITLAB_URL" "AIGW_CUSTOMER_PORTAL_URL" "ANTHROPIC_API_KEY" "OPENAI_API_KEY" "AIGW_CUSTOM_MODELS__ENABLED" "AIGW_CUSTOM_MODELS__ENDPOINTS" "AIGW_LOGGING__LEVEL" "HTTPS_PROXY" "HTTP_PROXY" "NO_PROXY" -}}
{{- range .Values.extraEnvironmentVariables -}}
{{- if not (has .name $used) -}}
{{- $hint := hasKey $instead .name | ternary (printf ": %s" (get $instead .name)) "" -}}
{{- $found = append $found (printf "extraEnvironmentVariables: %s has no effect%s." .name $hint) -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}
