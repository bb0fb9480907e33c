package proxy

// observeLoad hands what the instance reports of its utilization to the
// version, where a criterion of the service asks for it. It is called while the
// answer's head is still in the read buffer. The header itself is forwarded.
func (x *exchange) observeLoad() {
	if !x.svc.Policy.ReadsLoad || x.try.number != 1 {
		return
	}
	for i := range x.ans.fields {
		if f := &x.ans.fields[i]; equalFold(f.Name, "endpoint-load-metrics") {
			x.choice.Version.Load.Observe(f.Value)
			return
		}
	}
}
