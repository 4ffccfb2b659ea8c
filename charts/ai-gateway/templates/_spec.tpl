{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* From values to the fields of the AIGateway's spec; each template here gives one of them as YAML. */}}

{{/* Tokens of a cloud licence are not all there is: without the portal's keys the gateway is ready all the same. */}}
{{- define "gateway.spec.auth" -}}
{{- $issuers := list -}}
{{- with include "gateway.gitlabUrl" . -}}
{{- $realm := eq (trimSuffix "/" .) "https://gitlab.com" | ternary "saas" "self-managed" -}}
{{- $issuers = append $issuers (dict "name" "gitlab" "url" . "realms" (list $realm)) -}}
{{- end -}}
{{- with include "gateway.customerPortalUrl" . -}}
{{- $issuers = append $issuers (dict "name" "customers" "url" . "realms" (list "self-managed") "required" false) -}}
{{- end -}}
{{- $auth := deepCopy .Values.auth -}}
{{- with concat $issuers (.Values.auth.issuers | default list) -}}{{- $_ := set $auth "issuers" . -}}{{- end -}}
{{- if $auth -}}{{- toYaml $auth -}}{{- end -}}
{{- end -}}

{{- define "gateway.spec.providers" -}}
{{- $name := include "gateway.name" . -}}
{{- $providers := list -}}
{{- $anthropic := .Values.anthropicApiKey -}}
{{- if or $anthropic.secret (include "gateway.anthropicKey" .) -}}
{{- $ref := include "gateway.secretRef" (list $anthropic (include "gateway.anthropicKey" .) (printf "%s-key-anthropic" $name)) | fromYaml -}}
{{- $providers = append $providers (dict "name" "anthropic" "type" "Anthropic" "credentials" (dict "secretRef" $ref)) -}}
{{- end -}}
{{- $openai := .Values.openaiApiKey -}}
{{- if or $openai.secret (include "gateway.openaiKey" .) -}}
{{- $ref := include "gateway.secretRef" (list $openai (include "gateway.openaiKey" .) (printf "%s-key-openai" $name)) | fromYaml -}}
{{- $providers = append $providers (dict "name" "openai" "type" "OpenAI" "credentials" (dict "secretRef" $ref)) -}}
{{- end -}}
{{- $vertex := .Values.vertexTextModel -}}
{{- if $vertex.project -}}
{{- $provider := dict "name" "vertex" "type" "VertexAI" "project" $vertex.project "location" $vertex.location -}}
{{- if or $vertex.jsonKey.secret $vertex.jsonKey.value -}}
{{- $ref := include "gateway.secretRef" (list $vertex.jsonKey $vertex.jsonKey.value (printf "%s-key-vertex" $name)) | fromYaml -}}
{{- $_ := set $provider "credentials" (dict "secretRef" $ref) -}}
{{- end -}}
{{- $providers = append $providers $provider -}}
{{- end -}}
{{- with include "gateway.customEndpoints" . | fromYamlArray -}}
{{- $providers = append $providers (dict "name" "custom" "type" "OpenAICompatible" "requestEndpoints" .) -}}
{{- end -}}
{{- $providers = concat $providers .Values.providers -}}
{{- if not $providers -}}
{{- fail "no provider: set anthropicApiKey, openaiApiKey, vertexTextModel.project, customModels.enabled or providers" -}}
{{- end -}}
{{- toYaml $providers -}}
{{- end -}}

{{/* (list VALUES VALUE NAME): a value becomes the Secret NAME, else the Secret of the values is meant. */}}
{{- define "gateway.secretRef" -}}
{{- if index . 1 -}}
{{- toYaml (dict "name" (index . 2) "key" (index . 0).key) -}}
{{- else -}}
{{- toYaml (dict "name" (index . 0).secret "key" (index . 0).key) -}}
{{- end -}}
{{- end -}}

{{- define "gateway.spec.models" -}}
{{- $models := .Values.models -}}
{{- if not $models -}}
{{- if or .Values.anthropicApiKey.secret (include "gateway.anthropicKey" .) -}}
{{- $models = append $models (dict "name" "claude" "provider" "anthropic" "id" .Values.anthropicApiKey.model) -}}
{{- end -}}
{{- if or .Values.openaiApiKey.secret (include "gateway.openaiKey" .) -}}
{{- $models = append $models (dict "name" "gpt" "provider" "openai" "id" .Values.openaiApiKey.model) -}}
{{- end -}}
{{- if .Values.vertexTextModel.project -}}
{{- $models = append $models (dict "name" "gemini" "provider" "vertex" "id" .Values.vertexTextModel.model) -}}
{{- end -}}
{{- end -}}
{{- if not (or $models (include "gateway.customEndpoints" . | fromYamlArray)) -}}
{{- fail "no model: say in models which ones your providers have" -}}
{{- end -}}
{{- toYaml $models -}}
{{- end -}}

{{- define "gateway.spec.features" -}}
{{- if .Values.features -}}
{{- toYaml .Values.features -}}
{{- else -}}
{{- $models := list -}}
{{- range include "gateway.spec.models" . | fromYamlArray -}}
{{- $models = append $models (dict "name" .name) -}}
{{- end -}}
{{- $features := dict -}}
{{- if $models -}}
{{- range $name, $timeout := dict "codeCompletions" "3s" "codeGenerations" "30s" "chat" "60s" -}}
{{- $_ := set $features $name (dict "timeout" $timeout "models" $models) -}}
{{- end -}}
{{- end -}}
{{- toYaml $features -}}
{{- end -}}
{{- end -}}

{{- define "gateway.spec.images" -}}
{{- $images := dict "pullPolicy" .Values.image.pullPolicy -}}
{{- if hasPrefix "self-hosted-" .Values.image.tag -}}
{{- fail "image.tag is that of GitLab's image; here it is a version of this project, by default the operator's" -}}
{{- end -}}
{{- with .Values.image.prefix -}}{{- $_ := set $images "prefix" . -}}{{- end -}}
{{- with .Values.image.tag -}}{{- $_ := set $images "tag" . -}}{{- end -}}
{{- with .Values.image.digests -}}{{- $_ := set $images "digests" . -}}{{- end -}}
{{- with .Values.imagePullSecrets -}}
{{- $names := list -}}
{{- range . -}}{{- $names = append $names .name -}}{{- end -}}
{{- $_ := set $images "pullSecrets" $names -}}
{{- end -}}
{{- toYaml $images -}}
{{- end -}}

{{- define "gateway.spec.expose" -}}
{{- $expose := deepCopy .Values.expose -}}
{{- if .Values.ingress.enabled -}}
{{- if not .Values.ingress.hosts -}}
{{- fail "ingress.hosts is empty: say under which host the gateway is reached" -}}
{{- end -}}
{{- $ingress := dict "host" (first .Values.ingress.hosts).host -}}
{{- with .Values.ingress.className -}}{{- $_ := set $ingress "className" . -}}{{- end -}}
{{- with .Values.ingress.annotations -}}{{- $_ := set $ingress "annotations" . -}}{{- end -}}
{{- with .Values.ingress.tls -}}{{- $_ := set $ingress "tlsSecretName" (first .).secretName -}}{{- end -}}
{{- $_ := set $expose "ingress" $ingress -}}
{{- end -}}
{{- if $expose -}}{{- toYaml $expose -}}{{- end -}}
{{- end -}}

{{- define "gateway.spec.keys" -}}
{{- $keys := dict -}}
{{- range $field, $value := dict "internal" "internalKey" "signing" "aigwSigningKey" "validation" "aigwValidationKey" -}}
{{- $ref := index $.Values $value -}}
{{- if $ref.secret -}}
{{- if not $ref.key -}}{{- fail (printf "%s.key is empty: say which key of the Secret it is" $value) -}}{{- end -}}
{{- $_ := set $keys $field (dict "name" $ref.secret "key" $ref.key) -}}
{{- end -}}
{{- end -}}
{{- if $keys -}}{{- toYaml $keys -}}{{- end -}}
{{- end -}}

{{/* The default is not stated: values that say it were without effect once, and the CRD that is there may be of that time. */}}
{{- define "gateway.spec.logging" -}}
{{- with include "gateway.env" (list . "AIGW_LOGGING__LEVEL" (.Values.logging.level | default "")) | upper -}}
{{- if not (has . (list "DEBUG" "INFO" "WARNING" "ERROR")) -}}
{{- fail "logging.level (or AIGW_LOGGING__LEVEL) is none of DEBUG, INFO, WARNING and ERROR" -}}
{{- end -}}
{{- if ne . "INFO" -}}{{- toYaml (dict "level" .) -}}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "gateway.spec.egressProxy" -}}
{{- $url := include "gateway.proxyUrl" . -}}
{{- if $url -}}
{{- $hosts := .Values.egressProxy.noProxy | default list -}}
{{- $said := list -}}
{{- range include "gateway.env" (list . "NO_PROXY" "") | splitList "," -}}
{{- with trim . -}}{{- $said = append $said . -}}{{- end -}}
{{- end -}}
{{- with $said | default $hosts -}}
{{- toYaml (dict "url" $url "noProxy" .) -}}
{{- else -}}
{{- toYaml (dict "url" $url) -}}
{{- end -}}
{{- end -}}
{{- end -}}
