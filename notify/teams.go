package notify

import "strings"

// teamsMessage is what a Teams workflow takes that begins with "When a Teams webhook request is
// received": a message with one Adaptive Card. The connectors of Office 365 and their MessageCard
// are retired (learn.microsoft.com, "Create incoming webhooks with Workflows for Microsoft Teams").
type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string       `json:"contentType"`
	ContentURL  *string      `json:"contentUrl"`
	Content     adaptiveCard `json:"content"`
}

// adaptiveCard is as adaptivecards.io has it, version 1.4.
type adaptiveCard struct {
	Schema  string         `json:"$schema"`
	Type    string         `json:"type"`
	Version string         `json:"version"`
	Teams   map[string]any `json:"msteams"`
	Body    []cardBlock    `json:"body"`
	Actions []cardAction   `json:"actions,omitempty"`
}

type cardBlock struct {
	Type    string    `json:"type"`
	Text    string    `json:"text,omitempty"`
	Size    string    `json:"size,omitempty"`
	Weight  string    `json:"weight,omitempty"`
	Color   string    `json:"color,omitempty"`
	Wrap    bool      `json:"wrap,omitempty"`
	Inlines []cardRun `json:"inlines,omitempty"`
}

type cardRun struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Subtle bool   `json:"isSubtle,omitempty"`
	Size   string `json:"size,omitempty"`
}

type cardAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// teams writes n. Texts from outside stand in text runs, where Markdown is not read, unlike in a
// TextBlock; a mention would need an entity of the card's own, and there is none. The card stays far below
// the 28 KB that Teams takes, as message and lines are bounded.
func teams(n *Note) any {
	color := map[mood]string{plain: "Default", good: "Good", careful: "Warning", bad: "Attention"}[kinds[n.Type].mood]
	card := adaptiveCard{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Teams: map[string]any{"width": "Full"},
		Body: []cardBlock{
			{Type: "TextBlock", Text: n.title(), Size: "Large", Weight: "Bolder", Color: color, Wrap: true},
			{Type: "RichTextBlock", Inlines: []cardRun{{Type: "TextRun", Text: n.message()}}},
		},
	}
	for _, line := range n.evidence() {
		card.Body = append(card.Body, cardBlock{Type: "RichTextBlock", Inlines: []cardRun{{Type: "TextRun", Text: "• " + line}}})
	}
	if origin := n.origin(); len(origin) > 0 {
		card.Body = append(card.Body, cardBlock{Type: "RichTextBlock", Inlines: []cardRun{
			{Type: "TextRun", Text: strings.Join(origin, " · "), Subtle: true, Size: "Small"},
		}})
	}
	for _, l := range n.Links.named() {
		card.Actions = append(card.Actions, cardAction{Type: "Action.OpenUrl", Title: l.name, URL: l.url})
	}
	return teamsMessage{Type: "message", Attachments: []teamsAttachment{
		{ContentType: "application/vnd.microsoft.card.adaptive", Content: card},
	}}
}
