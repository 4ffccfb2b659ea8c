{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The name of the AIGateway; what belongs to it begins with that. */}}
{{- define "gateway.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "ai-gateway" .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-ai-gateway" (.Release.Name | trunc 41 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "gateway.labels" -}}
app.kubernetes.io/name: ai-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ai-gateway
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end -}}

{{- define "gateway.url" -}}
http://{{ include "gateway.name" . }}-router.{{ .Release.Namespace }}.svc:5052
{{- end -}}

{{/* (list $ NAME DEFAULT): what extraEnvironmentVariables says of a variable, or the default. An empty value is one too. */}}
{{- define "gateway.env" -}}
{{- $found := dict "value" (index . 2) -}}
{{- $name := index . 1 -}}
{{- range (index . 0).Values.extraEnvironmentVariables -}}
{{- if eq .name $name -}}{{- $_ := set $found "value" (.value | default "" | toString) -}}{{- end -}}
{{- end -}}
{{- $found.value -}}
{{- end -}}

{{- define "gateway.gitlabUrl" -}}
{{- include "gateway.env" (list . "AIGW_GITLAB_URL" .Values.gitlab.url) -}}
{{- end -}}

{{- define "gateway.customerPortalUrl" -}}
{{- include "gateway.env" (list . "AIGW_CUSTOMER_PORTAL_URL" .Values.customerPortalUrl) -}}
{{- end -}}

{{- define "gateway.anthropicKey" -}}
{{- include "gateway.env" (list . "ANTHROPIC_API_KEY" .Values.anthropicApiKey.value) -}}
{{- end -}}

{{- define "gateway.openaiKey" -}}
{{- include "gateway.env" (list . "OPENAI_API_KEY" .Values.openaiApiKey.value) -}}
{{- end -}}

{{/* Addresses that requests may name: a YAML list, empty if they may name none. Who names some in a variable means it. */}}
{{- define "gateway.customEndpoints" -}}
{{- $named := list -}}
{{- range include "gateway.env" (list . "AIGW_CUSTOM_MODELS__ENDPOINTS" "") | splitList "," -}}
{{- with trim . -}}{{- $named = append $named . -}}{{- end -}}
{{- end -}}
{{- $on := include "gateway.env" (list . "AIGW_CUSTOM_MODELS__ENABLED" (or .Values.customModels.enabled (not (empty $named)))) -}}
{{- if has (lower (toString $on)) (list "true" "1" "yes" "on" "t" "y") -}}
{{- toYaml ($named | default .Values.customModels.endpoints) -}}
{{- else -}}
{{- toYaml list -}}
{{- end -}}
{{- end -}}

{{- define "gateway.proxyUrl" -}}
{{- include "gateway.env" (list . "HTTPS_PROXY" (include "gateway.env" (list . "HTTP_PROXY" (.Values.egressProxy.url | default "")))) -}}
{{- end -}}

{{/* Where images are as far as this chart must know: for its test. The gateway itself asks its operator. */}}
{{- define "gateway.image" -}}
{{- $repository := dig "image" "repository" "ghcr.io/ai-gateway/aigw-operator" .Values.operator -}}
{{- $prefix := .Values.image.prefix | default (dig "images" "prefix" "" .Values.operator) | default (trimSuffix "operator" $repository) -}}
{{- $tag := .Values.image.tag | default (dig "images" "tag" "" .Values.operator) | default (dig "image" "tag" "" .Values.operator) -}}
{{- with .Values.image.digests.router -}}
{{ $prefix }}router@{{ . }}
{{- else -}}
{{ $prefix }}router:{{ $tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}
