// Package notify tells people what happened, in the form that their chat
// understands: Slack, Microsoft Teams, Discord, or a program's, as JSON or as a
// CloudEvent. Sender.Tell never blocks: each target has a bounded queue and a worker
// of its own, so that a dead one holds up nobody. Sender.Run owns the goroutines.
// Texts from outside are never read as markup: they mention nobody and hide no link
// behind other words.
package notify
