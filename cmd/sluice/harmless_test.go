package main

import (
	"bytes"
	"strings"
	"testing"
)

// What people or other servers wrote must not steer the terminal of who reads it: a reason may
// hold anything that JSON can.
func TestTerminalObeysNoText(t *testing.T) {
	const hostile = "bad\x1b[2J\u009b31m\u202etxt\nline"
	clean := func(name, got string) {
		t.Helper()
		if strings.ContainsAny(got, "\x1b\u009b\u202e\n") || !strings.Contains(got, "bad") || !strings.Contains(got, "line") {
			t.Errorf("%s: got %q", name, got)
		}
	}
	var out bytes.Buffer
	v := eventView{screen: newScreen(&out)}
	if err := v.print(`{"id":1,"type":"aborted","service":"shop","version":"v2","message":"bad\u001b[2J\u009b31m\u202etxt\nline"}`); err != nil {
		t.Fatal(err)
	}
	clean("events", strings.TrimSuffix(out.String(), "\n"))
	clean("error", (&apiError{Status: 409, Detail: hostile}).Error())
	clean("title", (&apiError{Status: 409, Title: hostile}).Error())
	first, _, _ := strings.Cut(renderService(newScreen(&out), serviceView{Name: "shop", SetBy: "api:ci", Reason: hostile}, nil), ")\n")
	clean("status", first)
}
