// Package advice recommends how to bring a new version into service, and where to
// host the proxy, from answers to a few questions. It is pure: the same answers
// always give the same scores, each with its reasons in sentences, so that a person can
// disagree with one of them and see what changes. `sluice init` asks the questions.
package advice
