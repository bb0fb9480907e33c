package admin

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"sluice/rollout"
)

// linkPage is what a person sees behind a link. No script, nothing from elsewhere.
type linkPage struct {
	status int
	Title  string
	Text   string
	Facts  []fact
	Button string // "": nothing to confirm
	Danger bool
}

type fact struct{ Name, Value string }

const linkStyle = `body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
dt{color:#666;margin-top:.5rem}dd{margin:0}input{width:100%;font:inherit;padding:.4rem;box-sizing:border-box;margin:.3rem 0 1rem}
button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.3rem;background:#0a6b2d;color:#fff}button.danger{background:#a11}
@media(prefers-color-scheme:dark){body{color:#eee;background:#1a1a1a}dt{color:#aaa}}`

var linkTemplate = template.Must(template.New("link").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex,nofollow"><title>sluice</title><style>` + linkStyle + `</style></head>
<body><h1>{{.Title}}</h1><p>{{.Text}}</p>
{{with .Facts}}<dl>{{range .}}<dt>{{.Name}}</dt><dd>{{.Value}}</dd>{{end}}</dl>{{end}}
{{if .Button}}<form method="post" autocomplete="off"><label>Reason, for the record (optional)<input name="reason" maxlength="500"></label>
<button{{if .Danger}} class="danger"{{end}}>{{.Button}}</button></form>{{end}}
</body></html>
`))

// linkPolicy allows the one style and a form that posts back here.
var linkPolicy = func() string {
	sum := sha256.Sum256([]byte(linkStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// page answers with p.
func (c *call) page(p *linkPage) error {
	var body bytes.Buffer
	if err := linkTemplate.Execute(&body, p); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", linkPolicy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	// With no-referrer a form's POST says Origin: null, which a browser without
	// Sec-Fetch-Site could not be told from another site by (Fetch, 3.1).
	h.Set("Referrer-Policy", "same-origin")
	if p.status == http.StatusTooManyRequests {
		h.Set("Retry-After", "60")
	}
	c.w.WriteHeader(p.status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body.Bytes()) // a client that left needs no answer
	}
	return nil
}

func plainPage(status int, text string) *linkPage {
	return &linkPage{status: status, Title: http.StatusText(status), Text: text}
}

// askPage shows what the link would do.
func askPage(claim linkClaim, st rollout.Status) *linkPage {
	p := &linkPage{status: http.StatusOK, Facts: linkFacts(st)}
	if claim.Action == linkAbort {
		p.Title, p.Button, p.Danger = "Abort the rollout of "+st.Service+"?", "Abort the rollout", true
		p.Text = fmt.Sprintf("All traffic goes back to %s at once; %s gets none any more.", st.From, st.Canary)
		return p
	}
	p.Title, p.Button = "Approve "+gateWords(claim.Gate)+" of "+st.Service+"?", "Approve"
	p.Text = fmt.Sprintf("The rollout from %s to %s goes on: %s.", st.From, st.Canary, gateEffect(claim.Gate, st))
	return p
}

func donePage(claim linkClaim, st rollout.Status) *linkPage {
	p := &linkPage{status: http.StatusOK, Title: "Approved", Text: "The rollout of " + st.Service + " goes on.", Facts: linkFacts(st)}
	if claim.Action == linkAbort {
		p.Title, p.Text = "Aborted", fmt.Sprintf("The rollout of %s is stopped.", st.Service)
	}
	return p
}

// gateWords names a gate for people: "stage:expansion" is "stage expansion".
func gateWords(gate string) string {
	if name, ok := strings.CutPrefix(gate, "stage:"); ok {
		return "stage " + name
	}
	return "the " + gate
}

func gateEffect(gate string, st rollout.Status) string {
	if name, ok := strings.CutPrefix(gate, "stage:"); ok {
		for _, stage := range st.Stages {
			if stage.Name == name {
				return fmt.Sprintf("%s gets %.4g %% of the traffic", st.Canary, stage.Weight)
			}
		}
		return "stage " + name + " begins"
	}
	return st.Canary + " gets all of the traffic and becomes stable"
}

func linkFacts(st rollout.Status) []fact {
	facts := []fact{
		{"Rollout", fmt.Sprintf("%s: %s → %s (%s), started by %s at %s", st.Service, st.From, st.Canary, st.Strategy, st.By, st.StartedAt.UTC().Format(time.RFC3339))},
		{"Now", fmt.Sprintf("%s, %s has %.4g %%", st.Phase, st.Canary, st.Weight)},
	}
	if st.Reason != "" {
		facts = append(facts, fact{"Why", st.Reason})
	}
	if st.Promotion != nil && st.Promotion.Summary != "" {
		facts = append(facts, fact{"Evidence", st.Promotion.Summary})
	}
	if !st.DeadlineAt.IsZero() {
		facts = append(facts, fact{"Decided by itself", "about " + st.DeadlineAt.UTC().Format(time.RFC3339)})
	}
	return facts
}
