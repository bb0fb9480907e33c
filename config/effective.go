package config

import "strings"

// Effective is the configuration in force under the keys of the file, with
// every default filled in and secrets masked, ready for encoding/json. Reading it again
// gives the same configuration, but for the secrets. What is not set is left out.
func (c *Config) Effective() any {
	if len(c.secrets) == 0 {
		return configKind().show(*c)
	}
	return masked(configKind().show(*c), c.secrets)
}

// masked replaces every text that holds one of secrets.
func masked(v any, secrets []string) any {
	switch v := v.(type) {
	case string:
		for _, s := range secrets {
			if strings.Contains(v, s) {
				return mask
			}
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = masked(item, secrets)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[name] = masked(item, secrets)
		}
		return out
	}
	return v
}

// Inactive lists what was parsed and checked, and yet does nothing in this
// release, as "PATH: what that means", for validate and the log to say so: at present nothing.
func (c *Config) Inactive() []string { return nil }
