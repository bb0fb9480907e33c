package admin

import "strings"

// masked copies an effective configuration without the values of credentials
// that the file holds as plain text, where config cannot know them for secrets: headers
// set for a backend, headers and payloads of smoke tests, bodies and metadata of hooks.
func masked(v any) any { return maskBelow(v, false) }

// carriers are the keys below which values are sent somewhere under free names.
var carriers = map[string]bool{"headers": true, "set": true, "payload": true, "body": true, "metadata": true}

func maskBelow(v any, carried bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			if carried && sensitive(name) {
				out[name] = "***"
				continue
			}
			out[name] = maskBelow(value, carried || carriers[name])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = maskBelow(value, carried)
		}
		return out
	}
	return v
}

// sensitive tells names that usually stand before a credential.
func sensitive(name string) bool {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	for _, part := range [...]string{"auth", "cookie", "token", "secret", "password", "passwd", "apikey", "credential", "signature"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
