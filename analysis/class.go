package analysis

// Class groups outcomes whose latencies are counted together.
type Class uint8

// Classes. Success and Redirect are ClassOK. Failures stand apart, so that fast
// errors don't flatter the percentiles; so do client errors, which are often
// answered before any work is done.
const (
	ClassOK Class = iota
	ClassClientError
	ClassFailed
	Classes = int(ClassFailed) + 1
)

// noClass is the class of outcomes that enter no histogram.
const noClass = Class(Classes)

func classOf(o Outcome) Class {
	switch {
	case o == 0 || o > BadResponse:
		return noClass
	case o <= Redirect:
		return ClassOK
	case o == ClientError:
		return ClassClientError
	}
	return ClassFailed
}
