{{- define "sluice.name" -}}
{{- if contains "sluice" .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-sluice" .Release.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "sluice.selector" -}}
app.kubernetes.io/name: sluice
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sluice.labels" -}}
{{ include "sluice.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* exposed is "true" where the admin API can be reached from outside the pod. */}}
{{- define "sluice.exposed" -}}
{{- if and .Values.admin.tlsSecret .Values.admin.tokensSecret }}true
{{- else if or .Values.admin.tlsSecret .Values.admin.tokensSecret }}{{ fail "admin.tlsSecret and admin.tokensSecret: set both, or neither" }}
{{- end }}
{{- end }}

{{- define "sluice.config" -}}
listeners:
  - address: {{ printf ":%v" .Values.listener.port | quote }}
    {{- if .Values.listener.tlsSecret }}
    tls: {certificates: [{cert: /run/listener-tls/tls.crt, key: /run/listener-tls/tls.key}]}
    {{- end }}
admin:
  {{- if include "sluice.exposed" . }}
  address: {{ printf ":%v" .Values.admin.port | quote }}
  tls: {cert: /run/admin-tls/tls.crt, key: /run/admin-tls/tls.key}
  allowed_hosts:
    - {{ include "sluice.name" . }}-admin
    - {{ include "sluice.name" . }}-admin.{{ .Release.Namespace }}.svc
    - {{ include "sluice.name" . }}-admin.{{ .Release.Namespace }}.svc.cluster.local
  tokens:
    - {name: people, role: operator, secret: "${file:/run/admin-tokens/operator}"}
    - {name: viewer, role: viewer, secret: "${file:/run/admin-tokens/viewer}"}
  {{- else }}
  address: {{ printf "127.0.0.1:%v" .Values.admin.port | quote }}
  {{- end }}
  {{- with .Values.admin.publicURL }}
  public_url: {{ . | quote }}
  {{- end }}
state: {dir: /var/lib/sluice}
{{ toYaml .Values.config }}
{{- end }}
