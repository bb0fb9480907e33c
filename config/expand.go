package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// maxIncluded caps what ${file:…} may bring in.
const maxIncluded = 64 << 10

// expand replaces ${VAR}, ${VAR:-default}, ${file:/path} and $$ in a scalar.
// Where d.runtime is set, ${name} and $$ are left for the run, the environment
// is ${env:NAME}, and a dollar brought in is doubled so that the run leaves it alone.
func (d *decoder) expand(s string) (string, error) {
	var out strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i == len(s)-1 {
			out.WriteString(s)
			return out.String(), nil
		}
		out.WriteString(s[:i])
		switch rest := s[i+1:]; rest[0] {
		case '$':
			out.WriteString(d.doubled())
			s = rest[1:]
		case '{':
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return "", errors.New(`"${" without "}"; a plain dollar before a brace is written $$`)
			}
			value, err := d.reference(rest[1:end])
			if err != nil {
				return "", err
			}
			out.WriteString(value)
			s = rest[end+1:]
		default:
			out.WriteByte('$')
			s = rest
		}
	}
}

func (d *decoder) doubled() string {
	if d.runtime {
		return "$$"
	}
	return "$"
}

func (d *decoder) reference(ref string) (string, error) {
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		return d.included(path)
	}
	if d.runtime {
		env, ok := strings.CutPrefix(ref, "env:")
		if !ok {
			if !variableName(ref) {
				return "", fmt.Errorf("got ${%s}, want ${name}, ${env:NAME} or ${file:/path}", clip(ref))
			}
			return "${" + ref + "}", nil
		}
		ref = env
	}
	name, fallback, hasFallback := strings.Cut(ref, ":-")
	if !variableName(name) {
		return "", fmt.Errorf("got ${%s}, want ${NAME}, ${NAME:-default} or ${file:/path}", clip(ref))
	}
	value, set := d.options.Lookup(name)
	switch {
	case hasFallback && value == "":
		value = fallback
	case !set:
		return "", fmt.Errorf("environment variable %s is not set", name)
	}
	if secretName(name) {
		d.conceal(value)
	}
	return d.brought("environment variable "+name, value)
}

func (d *decoder) included(path string) (string, error) {
	if !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("got ${file:%s}, want an absolute path", clip(path))
	}
	data, err := d.options.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("${file:%s}: %w", clip(path), bareError(err))
	}
	if len(data) > maxIncluded {
		return "", fmt.Errorf("${file:%s}: more than %d bytes", clip(path), maxIncluded)
	}
	d.files = append(d.files, path)
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	d.conceal(text)
	return d.brought("file "+clip(path), text)
}

func (d *decoder) brought(from, value string) (string, error) {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return "", fmt.Errorf("%s does not hold text", from)
	}
	if d.runtime {
		value = strings.ReplaceAll(value, "$", "$$")
	}
	return value, nil
}

// conceal keeps a value from being shown. Very short ones are no secrets, and
// would tear holes into other texts.
func (d *decoder) conceal(value string) {
	if len(value) >= 6 {
		d.secrets = append(d.secrets, value)
	}
}

// secretName reports whether a header or variable of that name is likely to hold a secret.
func secretName(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	for _, word := range []string{"authorization", "cookie", "token", "secret", "password", "passwd", "api-key", "apikey", "private-key", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// bareError drops the path that the operating system's errors repeat.
func bareError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func clip(s string) string {
	q := quote(s)
	return q[1 : len(q)-1]
}

func variableName(s string) bool {
	for i, c := range []byte(s) {
		if c != '_' && (!isAlnum(c) || i == 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

// readCapped reads a regular file, at most limit bytes and one more, so that
// the caller sees when there is more.
func readCapped(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return io.ReadAll(io.LimitReader(f, limit+1))
}
