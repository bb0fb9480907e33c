package config

// Secret is a value that never shows itself: String, GoString, MarshalJSON,
// MarshalYAML and LogValue all print ***. Reveal gives the text.
type Secret string

// Reveal returns the secret's text, for the one place that must send or compare it.
func (s Secret) Reveal() string { return string(s) }

// String masks the secret.
func (s Secret) String() string { return "***" }
