package promql

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// polling is a Poller that runs, and its answers.
type polling struct {
	*Poller
	t       *testing.T
	answers chan Answer
	cancel  context.CancelFunc
	ended   chan error
}

func poll(t *testing.T) *polling {
	ctx, cancel := context.WithCancel(context.Background())
	p := &polling{t: t, answers: make(chan Answer), cancel: cancel, ended: make(chan error, 1)}
	p.Poller = NewPoller(func(a Answer) {
		select {
		case p.answers <- a:
		case <-ctx.Done():
		}
	})
	go func() { p.ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-p.ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run has not returned")
		}
	})
	return p
}

// until waits for an answer that ok accepts.
func (p *polling) until(what string, ok func(Answer) bool) {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case a := <-p.answers:
			if ok(a) {
				return
			}
		case <-deadline:
			p.t.Fatalf("no answer with %s", what)
		}
	}
}

func question(url, version string) Question {
	return Question{ID: ID{"shop", version, "m"}, Source: Source{URL: url}, Query: version, Interval: time.Millisecond, Timeout: patience}
}

func TestPollerAsksAgainAndAgain(t *testing.T) {
	s := hostile(t, 200, vectorOf("7"))
	p := poll(t)
	p.Watch([]Question{question(s.URL, "v1"), question(s.URL, "v2"), {ID: ID{Version: "never"}}})
	for _, version := range []string{"v2", "v1", "v2"} {
		p.until(version, func(a Answer) bool {
			return a.ID == ID{"shop", version, "m"} && a.Value == 7 && a.Err == nil && !a.At.IsZero()
		})
	}
	p.Watch([]Question{question(s.URL, "v3")})
	p.until("v3", func(a Answer) bool { return a.ID.Version == "v3" })
	// What was under way at the change may still come in; then v3 alone is asked.
	for alone := 0; alone < 20; {
		p.until("any", func(a Answer) bool {
			if alone++; a.ID.Version != "v3" {
				alone = 0
			}
			return true
		})
	}
}

func TestPollerTellsOfSourcesThatCantBeUsed(t *testing.T) {
	p := poll(t)
	q := question("https://127.0.0.1:1", "v1")
	q.Source.CA = "/does/not/exist"
	p.Watch([]Question{q})
	p.until("an error", func(a Answer) bool { return a.Err != nil && a.Value == 0 })
}

func TestPollerIsNotHeldUpByOneThatHangs(t *testing.T) {
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(release) })
	p := poll(t)
	p.Watch([]Question{question(hanging.URL, "hangs"), question(hostile(t, 200, vectorOf("1")).URL, "answers")})
	for range 5 {
		p.until("answers", func(a Answer) bool { return a.ID.Version == "answers" && a.Err == nil })
	}
}

func TestPollerBoundsWhatIsUnderWay(t *testing.T) {
	arrived, release := make(chan struct{}, 2*mostAtOnce), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	p := poll(t)
	var all []Question
	for i := range mostAtOnce {
		all = append(all, question(s.URL, string(rune('a'+i))))
	}
	p.Watch(all)
	for range mostAtOnce {
		select {
		case <-arrived:
		case <-time.After(patience):
			t.Fatal("not all are under way")
		}
	}
	waiting := question(s.URL, "waiting")
	waiting.Timeout = time.Millisecond
	p.Watch(append(all, waiting))
	p.until("too many", func(a Answer) bool {
		return a.ID.Version == "waiting" && a.Err != nil && a.Err.Error() == "prometheus: too many questions are under way"
	})
	if len(arrived) != 0 {
		t.Error("one more than allowed is under way")
	}
}
