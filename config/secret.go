package config

import (
	"fmt"
	"io"
	"log/slog"
)

// mask stands for every secret, also for an empty one, so that not even its length shows.
const mask = "***"

// Secret is a value that never shows itself: fmt with any verb, encoding/json,
// YAML and slog all print ***. Reveal gives the text. The zero value is "no secret".
type Secret string

// Reveal returns the secret's text, for the one place that must send or compare it.
func (s Secret) Reveal() string { return string(s) }

// String masks the secret.
func (s Secret) String() string { return mask }

// GoString masks it under %#v.
func (s Secret) GoString() string { return mask }

// Format masks it under every verb, %x and %d included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalJSON masks it.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalText masks it. As a key of a Go map a secret cannot hide from
// encoding/json, which takes texts for keys as they are: never make it one.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalYAML masks it.
func (s Secret) MarshalYAML() (any, error) { return mask, nil }

// LogValue masks it in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }
