package rollout

import (
	"testing"
	"time"

	"sluice/analysis"
	"sluice/config"
)

// FuzzGuard plays any order of events to a guard of three versions and holds
// the invariants that users rely on.
func FuzzGuard(f *testing.F) {
	f.Add(uint8(0), []byte{1, 1, 9, 60, 3, 1, 9, 60, 4, 1})
	f.Add(uint8(1), []byte{9, 13, 9, 14, 10, 0x21, 10, 0x22, 9, 12})
	f.Add(uint8(2), []byte{5, 0, 5, 1, 5, 2, 6, 1, 0, 200, 7, 1})
	f.Add(uint8(16), []byte{13, 1, 3, 0, 8, 0, 14, 1, 14, 0})
	f.Add(uint8(7), []byte{1, 0, 1, 1, 1, 2, 10, 0x01, 10, 0x11, 10, 0x21})
	f.Fuzz(func(t *testing.T, settings uint8, script []byte) {
		g := guard{stable: "v1", members: []member{{name: "v1"}, {name: "v2"}, {name: "v3"}}}
		g.action = []string{"quarantine", "pause", "alert", ""}[settings&3]
		g.tripOff, g.checked = settings&4 != 0, settings&8 != 0
		if settings&16 != 0 {
			g.standby = "v2"
		}
		at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
		for ; len(script) >= 2; script = script[2:] {
			in := scripted(script[0], script[1])
			if in.what == clockTick {
				at = at.Add(time.Duration(script[1]) * time.Second)
			}
			in.at = at
			before := g
			copied := append([]member(nil), g.members...)
			var todo []action
			g, todo = step(g, in)
			for i := range copied {
				if copied[i].state != before.members[i].state || copied[i].level != before.members[i].level {
					t.Fatalf("step changed the guard it was given")
				}
			}
			holdInvariants(t, before, g, in, todo)
		}
	})
}

func scripted(op, arg byte) input {
	in := input{what: happening(op % (uint8(exposed) + 1)), version: []string{"v1", "v2", "v3", "v4"}[arg&3]}
	in.environment = arg&4 != 0 && op&0x80 != 0
	in.standing = analysis.Standing(arg >> 2 % 5)
	in.state = config.State(arg >> 4 % 6)
	return in
}

func holdInvariants(t *testing.T, before, after guard, in input, todo []action) {
	t.Helper()
	active := 0
	for i := range after.members {
		m, was := after.members[i], before.members[i]
		if m.state == config.Active {
			active++
		}
		if was.state == config.Quarantined && m.state != config.Quarantined && in.what != order {
			t.Fatalf("%s left quarantine by %v", m.name, in.what)
		}
		if m.name == after.stable && (m.state == config.Tripped || m.state == config.Quarantined) {
			t.Fatalf("stable is %v", m.state)
		}
		if m.state == config.Tripped && m.until.IsZero() {
			t.Fatalf("%s is tripped for ever", m.name)
		}
	}
	if active == 0 {
		t.Fatalf("no active version after %+v", in)
	}
	if after.stable != before.stable && (after.stable != before.standby || after.standby != "" || after.member(after.stable).state != config.Active) {
		t.Fatalf("stable went from %q to %q, %q stood by", before.stable, after.stable, before.standby)
	}
	for _, a := range todo {
		raises := a.do == doRestore || a.do == doProbe || a.do == doUndo || a.do == doState && a.state == config.Active
		if in.what == judged && raises {
			t.Fatalf("%v on a verdict", a)
		}
		m := after.member(a.version)
		if m == nil {
			t.Fatalf("%v is for a version that does not exist", a)
		}
		switch a.do {
		case doCut, doRecut, doQuarantine, doRestore, doUndo, doState, doSwitchBack:
			if m.state != a.state {
				t.Fatalf("%v, but the guard holds %s for %v", a, a.version, m.state)
			}
		}
	}
}
