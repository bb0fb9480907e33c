package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/config"
	"sluice/webhook"
)

const patience = 10 * time.Second

// chat keeps what was told to it.
type chat struct {
	*httptest.Server
	got chan report
}

// newChat answers with handle, nil: 200, what it got as our JSON.
func newChat(t *testing.T, handle func(http.ResponseWriter, report)) *chat {
	t.Helper()
	c := &chat{got: make(chan report, 1000)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var one report
		if err := json.Unmarshal(body, &one); err != nil {
			t.Error(err)
		}
		if r.Header.Get("Sluice-Delivery") != one.ID || r.Header.Get("Sluice-Event") != one.Type || r.Header.Get("Sluice-Signature") != "" {
			t.Errorf("got %v", r.Header)
		}
		if handle != nil {
			handle(w, one)
		}
		c.got <- one
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *chat) next(t *testing.T) report {
	t.Helper()
	select {
	case r := <-c.got:
		return r
	case <-time.After(patience):
		t.Fatal("nothing was told")
		return report{}
	}
}

func shop(targets ...config.Notify) []config.Service {
	return []config.Service{{Name: "shop", Rollout: &config.Rollout{Notify: targets}}}
}

func to(url string, on ...string) config.Notify {
	return config.Notify{Type: "webhook", URL: config.Secret(url), On: on}
}

// begin runs a sender until the test, or the function that it returns, ends it.
func begin(t *testing.T, o Options, services []config.Service) (*Sender, func()) {
	t.Helper()
	o.Client = &webhook.Client{Pause: time.Millisecond, Longest: 5 * time.Millisecond}
	s := New(o)
	s.Watch(services)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	end := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(end)
	return s, end
}

func stat(s *Sender, kind string) Stat {
	for _, one := range s.Stats() {
		if one.Type == kind {
			return one
		}
	}
	return Stat{}
}

func TestOnlyWhatIsWanted(t *testing.T) {
	c, other := newChat(t, nil), newChat(t, nil)
	services := append(shop(to(c.URL, "rollback"), to(c.URL, "promoted", "rollback")),
		config.Service{Name: "shoe", Rollout: &config.Rollout{Notify: []config.Notify{to(c.URL, "alert"), to(other.URL, "alert")}}},
		config.Service{Name: "bare"})
	s, end := begin(t, Options{}, services)
	for i, n := range []Note{
		{Type: "stage", Service: "shop"}, {Type: "alert", Service: "shop"}, {Type: "rollback", Service: "shop"}, {Type: "promoted", Service: "shop"},
		{Type: "rollback", Service: "shoe"}, {Type: "rollback", Service: "bare"}, {Type: "alert", Message: "to all"},
	} {
		n.ID = uint64(i + 1)
		s.Tell(n)
	}
	end()
	var got []string
	for len(c.got) > 0 {
		r := <-c.got
		got = append(got, r.Service+" "+r.Type+r.Message)
	}
	if want := "shop rollback, shop promoted,  alertto all"; strings.Join(got, ", ") != want || len(other.got) != 1 {
		t.Errorf("got %v and %d, want %s and 1", got, len(other.got), want)
	}
	if st := stat(s, "webhook"); st.Sent != 4 || st.Failed+st.Dropped != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestTriesAgain(t *testing.T) {
	var calls atomic.Int64
	c := newChat(t, func(w http.ResponseWriter, _ report) {
		if calls.Add(1) < 3 {
			w.WriteHeader(500)
		}
	})
	s, end := begin(t, Options{}, shop(to(c.URL, "alert")))
	s.Tell(Note{ID: 7, Type: "alert", Service: "shop"})
	for range 3 {
		if r := c.next(t); r.ID != "7" {
			t.Errorf("got %+v", r)
		}
	}
	end()
	if st := stat(s, "webhook"); st.Sent != 1 || st.Failed != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestFailureIsCountedAndSpoken(t *testing.T) {
	c := newChat(t, func(w http.ResponseWriter, _ report) { w.WriteHeader(410) })
	var log lines
	s, end := begin(t, Options{Logger: log.logger()}, shop(to(c.URL+"/services/SECRET-PATH", "alert")))
	s.Tell(Note{Type: "alert", Service: "shop"})
	c.next(t)
	end()
	if st := stat(s, "webhook"); st.Failed != 1 || st.Sent != 0 {
		t.Errorf("got %+v", st)
	}
	if text := log.String(); !strings.Contains(text, "notification not sent") || !strings.Contains(text, "status=410") || strings.Contains(text, "SECRET") {
		t.Errorf("got %s", text)
	}
}

// A target that hangs neither blocks Tell nor holds up another; what its queue can't take is dropped, the newest first.
func TestDeadTargetHoldsUpNobody(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 1000)
	dead := newChat(t, func(http.ResponseWriter, report) {
		arrived <- struct{}{}
		<-release
	})
	alive := newChat(t, nil)
	s, end := begin(t, Options{}, shop(to(dead.URL, "alert"), to(alive.URL, "alert")))
	s.Tell(Note{ID: 1000, Type: "alert", Service: "shop", Message: "first"})
	<-arrived
	alive.next(t)
	const more = queueSize + 36
	for i := range more {
		s.Tell(Note{ID: uint64(i + 1), Type: "alert", Service: "shop", Message: fmt.Sprint(i)})
		alive.next(t)
	}
	if st := stat(s, "webhook"); st.Dropped != more-queueSize {
		t.Errorf("got %+v, want %d dropped", st, more-queueSize)
	}
	close(release)
	for i := range queueSize + 1 {
		if r := dead.next(t); i > 0 && r.Message != fmt.Sprint(i-1) {
			t.Fatalf("got %q as number %d: not the newest were dropped", r.Message, i)
		}
	}
	end()
	if st := stat(s, "webhook"); st.Sent != more+1+queueSize+1 {
		t.Errorf("got %+v", st)
	}
}

func TestFloodIsSummedUp(t *testing.T) {
	c := newChat(t, nil)
	s, _ := begin(t, Options{Quiet: 50 * time.Millisecond}, shop(to(c.URL, "trip")))
	n := Note{ID: 5, Type: "trip", Service: "shop", Version: "v2", Message: "cut"}
	for range 10 {
		s.Tell(n)
	}
	if r := c.next(t); r.Repeats != 0 || r.ID != "5" {
		t.Errorf("got %+v", r)
	}
	if r := c.next(t); r.Repeats != 9 || r.ID != "5-repeats" {
		t.Errorf("got %+v, want the sum of 9", r)
	}
	if s.Suppressed() != 9 {
		t.Errorf("got %d suppressed", s.Suppressed())
	}
}

func TestSumIsToldAtTheEnd(t *testing.T) {
	c := newChat(t, nil)
	s, end := begin(t, Options{Quiet: time.Hour}, shop(to(c.URL, "trip")))
	for range 3 {
		s.Tell(Note{ID: 5, Type: "trip", Service: "shop"})
	}
	end()
	if a, b := c.next(t), c.next(t); a.Repeats != 0 || b.Repeats != 2 {
		t.Errorf("got %+v and %+v", a, b)
	}
}

func TestReload(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	slow := newChat(t, func(http.ResponseWriter, report) {
		arrived <- struct{}{}
		<-release
	})
	next := newChat(t, nil)
	s, _ := begin(t, Options{}, shop(to(slow.URL, "alert")))
	for i := range 3 {
		s.Tell(Note{ID: uint64(i + 1), Type: "alert", Service: "shop", Message: fmt.Sprint(i)})
	}
	<-arrived
	s.Watch(shop(to(next.URL, "alert")))
	s.Tell(Note{ID: 9, Type: "alert", Service: "shop", Message: "after the reload"})
	if r := next.next(t); r.Message != "after the reload" {
		t.Errorf("got %+v", r)
	}
	close(release)
	for i := range 3 {
		if r := slow.next(t); r.Message != fmt.Sprint(i) {
			t.Errorf("got %+v, want what was queued before the reload", r)
		}
	}
	if len(slow.got) != 0 {
		t.Error("the old target was told of what came after the reload")
	}
}

// A target that hangs can't hold up the end of the process for longer than the grace.
func TestEndIsBounded(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 1)
	dead := newChat(t, func(http.ResponseWriter, report) {
		arrived <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) })
	s, end := begin(t, Options{Grace: 20 * time.Millisecond}, shop(to(dead.URL, "alert")))
	s.Tell(Note{ID: 1, Type: "alert", Service: "shop", Message: "a"})
	<-arrived
	s.Tell(Note{ID: 2, Type: "alert", Service: "shop", Message: "b"})
	end()
	s.Tell(Note{ID: 3, Type: "alert", Service: "shop", Message: "c"})
	if st := stat(s, "webhook"); st.Failed != 1 || st.Dropped != 2 || st.Sent != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestConcurrentTellAndWatch(t *testing.T) {
	c := newChat(t, nil)
	s, end := begin(t, Options{}, shop(to(c.URL, "alert")))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 50 {
				s.Tell(Note{ID: uint64(i*100 + j + 1), Type: "alert", Service: "shop", Message: fmt.Sprint(i, j)})
				if j%10 == 0 {
					s.Watch(shop(to(c.URL, "alert"), to(c.URL+fmt.Sprint("/", i, j), "alert")))
				}
			}
		})
	}
	all.Wait()
	end()
	st := stat(s, "webhook")
	if st.Sent+st.Dropped < 200 || st.Failed != 0 || uint64(len(c.got)) != st.Sent {
		t.Errorf("got %+v, and %d arrived", st, len(c.got))
	}
}
