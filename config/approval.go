package config

import "time"

func approvalKind() kind[Approval] {
	const want = "manual or a mapping with timeout, then"
	table := mapping(Approval{},
		has("timeout", "How long to wait. Left out: as long as it takes.", seldomTime(duration(time.Second)), func(a *Approval) *time.Duration { return &a.Timeout }),
		has("then", "What happens when the time is over.", choice[string]("promote", "rollback"), func(a *Approval) *string { return &a.Then }),
	)
	table.schema["dependentRequired"] = map[string]any{"timeout": []string{"then"}, "then": []string{"timeout"}}
	return kind[Approval]{
		read: func(d *decoder, n *node, path string, dst *Approval) {
			if n.kind == mapNode {
				table.read(d, n, path, dst)
				checkTogether(d, n, path, "timeout", "then")
				return
			}
			if text, known, ok := d.text(n, path, want); ok && known && text != "manual" {
				d.bad(n, path, text, want, nil)
			}
		},
		show: func(a Approval) any {
			if a == (Approval{}) {
				return "manual"
			}
			return table.show(a)
		},
		schema: schema{"anyOf": []any{schema{"enum": []any{"manual"}}, table.schema}},
	}
}

// checkTogether finds one of two keys that stands without the other.
func checkTogether(d *decoder, n *node, path, a, b string) {
	for range 2 {
		if n.field(a) != nil && n.field(b) == nil {
			d.faultAt(n.line, n.col, child(path, b), "missing, "+a+" stands alone")
		}
		a, b = b, a
	}
}

// seldomTime is a time that is shown only where there is one.
func seldomTime(k kind[time.Duration]) kind[time.Duration] {
	show := k.show
	k.show = func(v time.Duration) any {
		if v == 0 {
			return nil
		}
		return show(v)
	}
	return k
}
