package webhook

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes a text from outside fit for one line that people read: white space becomes single
// spaces; control, format and unassigned characters go, among them those that turn the
// direction of writing; what exceeds most characters is cut, and an ellipsis tells. 0: all of it.
func Printable(s string, most int) string {
	var out strings.Builder
	count, space := 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = out.Len() > 0
			continue
		case r == utf8.RuneError:
			r = '?'
		case !unicode.IsGraphic(r):
			continue
		}
		if space {
			out.WriteByte(' ')
			count++
			space = false
		}
		if most > 0 && count >= most {
			return strings.TrimRight(out.String(), " ") + "…"
		}
		out.WriteRune(r)
		count++
	}
	return out.String()
}

// minSecret is how long a part of a URL must be to be hidden: shorter ones are no secrets, and would tear
// holes into other texts.
const minSecret = 6

// hide takes out of an answer what it may have echoed: the secret and the URL's path, query and credentials. Chat
// services keep their secret in the path.
func hide(text string, u *url.URL, r Request) string {
	secrets := []string{r.Secret.Reveal(), u.RequestURI(), u.RawQuery, u.EscapedPath()}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		secrets = append(secrets, u.User.Username(), password, u.User.String())
	}
	for _, s := range secrets {
		if len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return text
}
