package proxy

import "sluice/analysis"

// outcomeName is the word for an outcome in the access log.
func outcomeName(o analysis.Outcome) string {
	switch o {
	case analysis.Success:
		return "2xx"
	case analysis.Redirect:
		return "3xx"
	case analysis.ClientError:
		return "4xx"
	case analysis.ServerError:
		return "5xx"
	case analysis.ConnectError:
		return "connect_error"
	case analysis.Timeout:
		return "timeout"
	case analysis.Reset:
		return "reset"
	case analysis.BadResponse:
		return "bad_response"
	case analysis.ClientGone:
		return "client_gone"
	case analysis.LocalRefusal:
		return "local_refusal"
	}
	return ""
}
