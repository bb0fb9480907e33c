package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

func tokenKind() kind[Token] {
	return unseen(mapping(Token{},
		needs("name", "Who uses it, for the audit log.", name(), func(t *Token) *string { return &t.Name }),
		needs("role", "viewer < operator < admin.", choice[Role]("viewer", "operator", "admin"), func(t *Token) *Role { return &t.Role }),
		needs("secret", "The token itself, at least 16 characters; best ${file:/run/secrets/…}.", secret(checkTokenSecret), func(t *Token) *Secret { return &t.Secret }),
	), "a mapping with name, role, secret")
}

const minSecret = 16 // characters of a token

// checkTokenSecret refuses what is no secret. Its messages never repeat the text.
func checkTokenSecret(s string) error {
	bare := strings.Trim(strings.ToLower(s), "0123456789-_.!<>* ")
	placeholders := []string{"changeme", "change-me", "change_me", "secret", "password", "token", "example", "test", "admin", "xxx",
		"your-secret", "your-token", "your_token", "yoursecrethere", "replace-me", "replaceme"}
	switch {
	case s == "":
		return errors.New("the secret is empty")
	case slices.Contains(placeholders, bare) || repeats(s, placeholders):
		return errors.New("the secret is a placeholder, want a random one such as of openssl rand -hex 32")
	case len([]rune(s)) < minSecret:
		return fmt.Errorf("the secret has fewer than %d characters", minSecret)
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return errors.New("the secret must be of printable ASCII without spaces, as it travels in a header")
	}
	return nil
}

// repeats finds "changemechangeme", "secret-token-example" and "aaaaaaaaaaaaaaaa": texts that are long, and still no secret.
func repeats(s string, words []string) bool {
	if strings.Count(s, s[:1]) == len(s) {
		return true
	}
	rest := strings.ToLower(s)
	for _, w := range words {
		rest = strings.ReplaceAll(rest, w, "")
	}
	return strings.Trim(rest, "0123456789-_.!<>* ") == "" && rest != strings.ToLower(s)
}

// secret never repeats what it read, in faults neither.
func secret(check func(string) error) kind[Secret] {
	return kind[Secret]{
		read: func(d *decoder, n *node, path string, dst *Secret) {
			if n.kind != scalarNode {
				d.faultAt(n.line, n.col, path, "want text")
				return
			}
			text, known, ok := d.text(n, path, "text")
			if !ok {
				return
			}
			if known && check != nil {
				if err := check(text); err != nil {
					d.faultAt(n.line, n.col, path, err.Error())
					return
				}
			}
			*dst = Secret(text)
		},
		show: func(v Secret) any {
			if v == "" {
				return nil
			}
			return v.String()
		},
		schema: schema{"type": "string"},
	}
}

// unseen is k, a mapping or list that holds secrets: what stands in its place by
// mistake is not repeated, as it may be the secret.
func unseen[T any](k kind[T], want string) kind[T] {
	read := k.read
	k.read = func(d *decoder, n *node, path string, dst *T) {
		if n.kind == scalarNode {
			d.faultAt(n.line, n.col, path, "want "+want)
			return
		}
		read(d, n, path, dst)
	}
	return k
}
