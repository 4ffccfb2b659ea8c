{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Of everything in this chart. The release "ai-gateway" and the release "ai-gateway-operator" both lead to the latter. */}}
{{- define "operator.name" -}}
{{- .Values.fullnameOverride | default (printf "%s-operator" (.Release.Name | trimSuffix "-operator" | trunc 54 | trimSuffix "-")) -}}
{{- end -}}

{{/* Cluster-wide objects of releases in two namespaces must not meet. */}}
{{- define "operator.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "operator.name" .) -}}
{{- end -}}

{{/* Never changes for the life of the Deployment. The instance is the operator's own name and not the release's: gateways
     are found by app.kubernetes.io/instance too, and one may be named as the release is. */}}
{{- define "operator.selector" -}}
app.kubernetes.io/name: ai-gateway-operator
app.kubernetes.io/instance: {{ include "operator.name" . }}
{{- end -}}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ai-gateway
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end -}}

{{- define "operator.tag" -}}
{{- .Values.image.tag | default .Chart.AppVersion -}}
{{- end -}}

{{- define "operator.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ include "operator.tag" . }}
{{- end -}}
{{- end -}}

{{/* Gateways' images are beside the operator's. */}}
{{- define "operator.imagePrefix" -}}
{{- if .Values.images.prefix -}}
{{- .Values.images.prefix -}}
{{- else if hasSuffix "operator" .Values.image.repository -}}
{{- .Values.image.repository | trimSuffix "operator" -}}
{{- else -}}
{{- fail "image.repository does not end in \"operator\", so say where the gateways' images are: images.prefix" -}}
{{- end -}}
{{- end -}}

{{/* Comma-separated; empty for the whole cluster. */}}
{{- define "operator.namespaces" -}}
{{- if .Values.watch.ownNamespaceOnly -}}
{{- if .Values.watch.namespaces -}}
{{- fail "watch.ownNamespaceOnly and watch.namespaces exclude each other" -}}
{{- end -}}
{{- .Release.Namespace -}}
{{- else -}}
{{- join "," .Values.watch.namespaces -}}
{{- end -}}
{{- end -}}
