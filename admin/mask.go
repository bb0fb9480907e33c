package admin

import (
	"net/url"
	"strings"
)

// masked copies an effective configuration without the values of credentials
// that the file holds as plain text, where config cannot know them for secrets: headers
// set for a backend; headers, payloads, queries and expected answers of smoke tests; bodies, metadata and
// the queries of hooks' URLs.
func masked(v any) any { return maskBelow(v, false) }

// carriers are the keys below which values are sent somewhere under free names.
var carriers = map[string]bool{"headers": true, "set": true, "payload": true, "expected_response": true, "body": true, "metadata": true}

func maskBelow(v any, carried bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			if carried && sensitive(name) {
				out[name] = "***"
				continue
			}
			if text, is := value.(string); is && !carried && (name == "url" || name == "endpoint") {
				out[name] = maskQuery(text, name == "url")
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

// maskQuery hides the values of a URL's query: all, as where a hook goes is told by what stands
// before, or those of names that usually stand before a credential.
func maskQuery(text string, all bool) string {
	before, query, has := strings.Cut(text, "?")
	if !has {
		return text
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		if all && value == "" { // the name itself may be the token
			parts[i] = "***"
		} else if value != "" && (all || err != nil || sensitive(plain)) {
			parts[i] = name + "=***"
		}
	}
	return before + "?" + strings.Join(parts, "&")
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
