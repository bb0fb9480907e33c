package proxy

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/backend"
	"sluice/router"
)

// What a line says of real requests.
func TestAccessLogOfRequests(t *testing.T) {
	b, err := backend.Start(backend.Options{Name: "v1", Behaviour: backend.Behaviour{Body: []byte("four")}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	path := filepath.Join(t.TempDir(), "access.log")
	l := openTestLog(t, AccessLogOptions{Path: path})
	runLog(t, l)
	live := router.NewLive()
	live.Store(table(t, service{urls: map[string]string{"v1": b.URL()}}, nil))
	w := serve(t, live, Options{Live: live, AccessLog: l}, Settings{}, nil)

	c := w.dial()
	c.send("POST /a?b HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: \"x\"\r\nReferer: http://r/\r\nX-Request-Id: 0123456789abcdef\r\nContent-Length: 3\r\n\r\nabc").receive("POST")
	c.get("/second")
	b.Set(backend.Behaviour{Status: 503})
	c.get("/failing")
	c.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").receive("GET")
	eventually(t, "4 lines", func() bool { return len(readLines(t, path)) == 4 })

	type line struct {
		Method, Host, Target, Proto, Client string
		Service, Version, Why               string
		Outcome, Refusal, Referer           string
		UserAgent                           string `json:"user_agent"`
		RequestID                           string `json:"request_id"`
		Status, Attempts                    int
		BytesIn                             int64 `json:"bytes_in"`
		Duration                            int64 `json:"duration_us"`
	}
	var got []line
	for _, text := range readLines(t, path) {
		var one line
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if one.RequestID == "" && one.Refusal == "" {
			t.Errorf("no request id in %s", text)
		}
		if !strings.HasPrefix(one.Target, "/a") {
			one.RequestID = ""
		}
		// The server reads on from the refused client, which has not closed: that is not in it.
		if one.Duration >= lingerTime.Microseconds() {
			t.Errorf("written after the connection: %s", text)
		}
		one.Duration = 0
		got = append(got, one)
	}
	common := line{Client: "127.0.0.1", Method: "GET", Host: "shop.test", Proto: "HTTP/1.1", Service: "shop",
		Version: "v1", Why: router.ByWeight.String(), Attempts: 1, Status: 200, Outcome: "2xx"}
	first, second, failing := common, common, common
	first.Method, first.Target, first.UserAgent, first.Referer = "POST", "/a?b", `"x"`, "http://r/"
	first.RequestID, first.BytesIn = "0123456789abcdef", 3
	second.Target = "/second"
	failing.Target, failing.Status, failing.Outcome = "/failing", 503, "5xx"
	for i, want := range []line{first, second, failing} {
		if got[i] != want {
			t.Errorf("line %d: got %+v, want %+v", i, got[i], want)
		}
	}
	if got[3].Status != 400 || got[3].Refusal == "" || got[3].Service != "" || got[3].Attempts != 0 {
		t.Errorf("refused: %+v", got[3])
	}
}
