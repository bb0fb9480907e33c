package notify

import (
	"strings"
	"time"
)

// Discord's limits: a title 256 characters, a description 4096, a footer 2048, an embed in all 6000
// (discord.com/developers, Message resource: embed limits). We stay below with room to spare.
const (
	discordTitle       = 256
	discordDescription = 4000
	discordFooter      = 500
	discordLink        = 1000
)

type discordMessage struct {
	Embeds   []discordEmbed  `json:"embeds"`
	Mentions discordMentions `json:"allowed_mentions"`
}

// discordMentions with an empty list lets nothing ping anybody.
type discordMentions struct {
	Parse []string `json:"parse"`
}

type discordEmbed struct {
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Color       int            `json:"color"`
	Timestamp   string         `json:"timestamp,omitempty"`
	Footer      *discordFooted `json:"footer,omitempty"`
}

type discordFooted struct {
	Text string `json:"text"`
}

// discord writes n. Texts from outside stand in a code block, where neither Markdown nor links nor
// mentions are read.
func discord(n *Note) any {
	text := n.message()
	if lines := n.evidence(); len(lines) > 0 {
		text += "\n\n" + strings.Join(lines, "\n")
	}
	var links []string
	for _, l := range n.Links.named() {
		if url := linkURL(l.url); len(url) <= discordLink {
			links = append(links, "["+l.name+"]("+url+")")
		}
	}
	below := ""
	if len(links) > 0 {
		below = "\n" + strings.Join(links, " · ")
	}
	room := discordDescription - len("```\n\n```") - len(below)
	e := discordEmbed{
		Title:       cut(n.title(), discordTitle),
		Description: "```\n" + cut(fenced(text), room) + "\n```" + below,
		Color:       map[mood]int{plain: 0x5865f2, good: 0x2ea043, careful: 0xd29922, bad: 0xcf222e}[kinds[n.Type].mood],
	}
	if !n.Time.IsZero() {
		e.Timestamp = n.Time.UTC().Format(time.RFC3339)
	}
	if origin := strings.Join(n.origin(), " · "); origin != "" {
		e.Footer = &discordFooted{Text: cut(origin, discordFooter)}
	}
	return discordMessage{Embeds: []discordEmbed{e}, Mentions: discordMentions{Parse: []string{}}}
}

// fenced can't end the code block that it stands in.
func fenced(s string) string { return strings.ReplaceAll(s, "`", "'") }
