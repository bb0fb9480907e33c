package proxy

// refusal is why a message was refused before it was routed. The reason is a
// metric label and a word in the access log; the client sees only the status.
type refusal struct {
	status int
	reason string
}

// Error makes a refusal an error, for the log.
func (r *refusal) Error() string { return r.reason }

// Refusals of a head (RFC 9112, data-plane rules). The values are never written.
var (
	refuseLine       = &refusal{400, "request_line"}
	refuseMethod     = &refusal{400, "method"}
	refuseConnect    = &refusal{501, "connect"}
	refuseTarget     = &refusal{400, "target"}
	refuseLongTarget = &refusal{414, "target_too_long"}
	refuseVersion    = &refusal{505, "http_version"}
	refuseBareLF     = &refusal{400, "bare_cr_or_lf"}
	refuseFold       = &refusal{400, "obs_fold"}
	refuseName       = &refusal{400, "header_name"}
	refuseValue      = &refusal{400, "header_value"}
	refuseCount      = &refusal{431, "too_many_headers"}
	refuseSize       = &refusal{431, "head_too_large"}
	refuseLength     = &refusal{400, "content_length"}
	refuseEncoding   = &refusal{400, "transfer_encoding"}
	refuseBoth       = &refusal{400, "length_and_encoding"}
	refuseHost       = &refusal{400, "host"}
	refuseAuthority  = &refusal{400, "authority_mismatch"}
	refuseExpect     = &refusal{417, "expectation"}
	refuseRawPath    = &refusal{400, "raw_path"}
	refuseChunk      = &refusal{400, "chunk"}
	refuseTooLarge   = &refusal{413, "body_too_large"}
	refuseSlowHead   = &refusal{408, "head_timeout"}
	refuseSlowBody   = &refusal{408, "body_timeout"}
	refuseStatus     = &refusal{502, "status_line"}
)
