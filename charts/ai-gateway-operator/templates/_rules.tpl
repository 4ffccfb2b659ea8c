{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* What the operator does in the namespaces that it watches; in a Role for each of them, or in a ClusterRole.
     A test compares it with the kinds that the operator makes. */}}
{{- define "operator.rules" -}}
- apiGroups: [aigateway.dev]
  resources: [aigateways]
  verbs: [get, list, watch]
- apiGroups: [aigateway.dev]
  resources: [aigateways/status]
  verbs: [patch]
# Where OwnerReferencesPermissionEnforcement is on (OpenShift), naming an owner that blocks deletion needs this.
- apiGroups: [aigateway.dev]
  resources: [aigateways/finalizers]
  verbs: [update]
# To create by server-side apply is to patch and to create. One is read before: a name may be somebody else's.
- apiGroups: [""]
  resources: [configmaps, secrets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# Kinds that a cluster may lack.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, watch, create, patch, delete]
# patch: an annotation, upon which the kubelet brings changed ConfigMaps and Secrets into a running pod at once.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* What cannot be had in a namespace. */}}
{{- define "operator.clusterRules" -}}
{{- if .Values.crds.manage }}
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames: [aigateways.aigateway.dev]
  verbs: [create, patch]
{{- end }}
# kopf looks for the kinds that it shall watch, and notices when they come.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [list, watch]
{{- end -}}
