package notify

import (
	"strings"
	"unicode/utf8"
)

// Slack's limits: a section's text 3000 characters, a header's 150
// (docs.slack.dev, Block Kit: text object, header block).
const (
	slackSection = 3000
	slackHeader  = 150
)

type slackMessage struct {
	Text        string       `json:"text"` // where blocks can't be shown: notifications, screen readers
	Blocks      []slackBlock `json:"blocks"`
	UnfurlLinks bool         `json:"unfurl_links"`
	UnfurlMedia bool         `json:"unfurl_media"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim,omitempty"` // URLs and names within are not made links
}

// slack writes n for an incoming webhook. Links are text and not buttons, as those need an
// app that answers when they are pressed.
func slack(n *Note) any {
	m := slackMessage{
		Text: slackEscape(n.title()+": "+n.message(), slackSection),
		Blocks: []slackBlock{
			{Type: "header", Text: &slackText{Type: "plain_text", Text: cut(n.title(), slackHeader)}},
			slackSectionOf(slackEscape(n.message(), slackSection)),
		},
	}
	if lines := n.evidence(); len(lines) > 0 {
		m.Blocks = append(m.Blocks, slackSectionOf(slackEscape("• "+strings.Join(lines, "\n• "), slackSection)))
	}
	if links := n.Links.named(); len(links) > 0 {
		var parts []string
		for _, l := range links {
			parts = append(parts, "<"+slackEscape(linkURL(l.url), slackSection)+"|"+l.name+">")
		}
		m.Blocks = append(m.Blocks, slackSectionOf(strings.Join(parts, "   ")))
	}
	if origin := n.origin(); len(origin) > 0 {
		m.Blocks = append(m.Blocks, slackBlock{Type: "context", Elements: []slackText{
			{Type: "mrkdwn", Text: slackEscape(strings.Join(origin, " · "), slackSection), Verbatim: true},
		}})
	}
	return m
}

func slackSectionOf(text string) slackBlock {
	if text == "" {
		text = " " // at least one character is needed
	}
	return slackBlock{Type: "section", Text: &slackText{Type: "mrkdwn", Text: text, Verbatim: true}}
}

// slackEscape keeps a text from holding mentions (<!here>, <@U1>) and links (<url|text>): the three
// characters that begin and end them are escaped, as Slack asks (docs.slack.dev, Formatting message
// text). It is at most most characters long; no escape is cut in two.
func slackEscape(s string, most int) string {
	var out strings.Builder
	count := 0
	for _, r := range s {
		piece := string(r)
		switch r {
		case '&':
			piece = "&amp;"
		case '<':
			piece = "&lt;"
		case '>':
			piece = "&gt;"
		}
		if count += utf8.RuneCountInString(piece); count > most {
			break
		}
		out.WriteString(piece)
	}
	return out.String()
}

// cut keeps the first most characters.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// linkURL is a URL of ours that can end no markup around it.
func linkURL(s string) string {
	return strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", "(", "%28", ")", "%29", " ", "%20", "\"", "%22", "\\", "%5C").Replace(s)
}
