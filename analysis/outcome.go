// Package analysis records outcomes without locks (Recorder), reads them as
// windows (Window), and judges windows into a Verdict. It imports nothing of
// ours and does no I/O; it is pure but for the counters. Recorder is called by
// every request; the judging half by one goroutine of package rollout.
package analysis

// Outcome is how one attempt at a version ended. The zero value is not an
// outcome and is never recorded.
type Outcome uint8

// Outcomes. Only ServerError, ConnectError, Timeout, Reset and BadResponse
// speak against a version.
const (
	_            Outcome = iota
	Success              // 2xx, and 1xx that ended an exchange (101)
	Redirect             // 3xx
	ClientError          // 4xx
	ServerError          // 5xx
	ConnectError         // refused, unreachable, TLS handshake failed
	Timeout              // no answer's head in time
	Reset                // connection lost before the whole answer came
	BadResponse          // an answer that breaks the protocol
	ClientGone           // the client left first
	LocalRefusal         // the proxy itself refused (limits, no endpoint)
	Outcomes     = int(LocalRefusal) + 1
)

// OutcomeOf classifies the status of an answer.
func OutcomeOf(status int) Outcome {
	switch {
	case status >= 500:
		return ServerError
	case status >= 400:
		return ClientError
	case status >= 300:
		return Redirect
	}
	return Success
}

// Failed reports whether o speaks against the version.
func (o Outcome) Failed() bool { return o >= ServerError && o <= BadResponse }

// String is the word for o in access logs and figures; "" for what is no outcome.
func (o Outcome) String() string {
	if int(o) >= Outcomes {
		return ""
	}
	return outcomeWords[o]
}

// MarshalText implements encoding.TextMarshaler by String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// outcomeWords is never written.
var outcomeWords = [Outcomes]string{
	Success: "2xx", Redirect: "3xx", ClientError: "4xx", ServerError: "5xx", ConnectError: "connect_error",
	Timeout: "timeout", Reset: "reset", BadResponse: "bad_response", ClientGone: "client_gone", LocalRefusal: "local_refusal",
}
