// Package notify tells people what happened, in the form that their chat
// understands. Sender.Run owns its goroutines.
package notify
