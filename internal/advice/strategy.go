package advice

// Goal is what the next version is for.
type Goal int

// Goals. The zero value is Release.
const (
	Release    Goal = iota // bring it into service
	Experiment             // find out which of two versions users do better with
	Rehearsal              // find out whether it answers as the present one does
)

// State is what two versions that serve at once would share.
type State int

// Kinds of state. The zero value is Stateless.
const (
	Stateless State = iota // nothing, or data that both can work with
	Sessions               // a user's requests belong to the version that has seen them before
	Data                   // data that only one of them can work with, such as after a schema change that is not compatible
)

// Needs are the answers that a strategy is chosen by. The zero value is a careless one:
// a release of something stateless without traffic, risk or a second environment.
type Needs struct {
	Goal              Goal
	Risk              Level     // what a bad version would cost
	PerSecond         float64   // requests per second at usual times
	SecondEnvironment bool      // capacity for all the traffic twice
	State             State     // what versions share
	Experience        Expertise // of the team, with rollouts
	Compliance        bool      // somebody must approve, and it must be on record
	InstantRollback   bool      // seconds matter on the way back, not minutes
}

// Traffic below and above which statistics are slow and fast, in requests per second: of 1 %
// errors in a stage of 5 %, an hour at 1 request/s shows two failures, at 10 it shows eighteen.
const (
	littleTraffic = 1
	muchTraffic   = 10
)

// Strategies scores every strategy, best first. Equal scores stand in this
// order: canary, blue_green, rolling, shadow, ab_test.
func Strategies(n Needs) []Score {
	return ranked([]Score{canary(n), blueGreen(n), rolling(n), shadow(n), abTest(n)})
}

func (n Needs) little() bool { return n.PerSecond < littleTraffic }
func (n Needs) much() bool   { return n.PerSecond >= muchTraffic }

func canary(n Needs) Score {
	s := Score{Name: "canary", Title: "canary release"}
	s.add(n.Goal == Release, 2, "it brings a version into service.")
	s.add(n.Risk == High, 3, "a bad version is met by a small share of users only, and cut off by itself.")
	s.add(n.Risk == Medium, 2, "a bad version is met by few users only.")
	s.add(n.much(), 2, "there is enough traffic for each stage to prove something within minutes.")
	s.add(n.little(), -3, "a small share of so little traffic proves nothing for hours.")
	s.add(n.State == Data, -4, "two versions would work on data at once that they cannot share.")
	s.add(n.Compliance, 1, "approvals can stand between its stages, each with its evidence on record.")
	s.add(n.InstantRollback, 1, "the way back is one store, as the old version serves all the while.")
	return s
}

func blueGreen(n Needs) Score {
	s := Score{Name: "blue_green", Title: "blue/green switch"}
	s.add(n.Goal == Release, 2, "it brings a version into service.")
	s.add(n.SecondEnvironment, 3, "there is a second environment that can take all the traffic at once.")
	s.add(!n.SecondEnvironment, -4, "it needs a second environment of full size.")
	s.add(n.State == Data, 3, "users are served by one version at a time, so the data is as well.")
	s.add(n.little(), 2, "with little traffic, tests before the switch say more than statistics after it.")
	s.add(n.InstantRollback, 2, "the old version stays warm, and the switch back is one store.")
	s.add(n.Compliance, 1, "the new version can be examined and approved before any user sees it.")
	s.add(n.Risk == High, -2, "every user meets the new version at once.")
	s.add(n.Risk == Low, 1, "every user meets the new version at once, which is bearable here.")
	s.add(n.Experience == Basic, 1, "it is the easiest to picture: one serves, one waits.")
	return s
}

func rolling(n Needs) Score {
	s := Score{Name: "rolling", Title: "rolling update"}
	s.add(n.Goal == Release, 2, "it brings a version into service.")
	s.add(!n.SecondEnvironment, 2, "new instances take over from old ones one by one, so little more capacity is needed.")
	s.add(n.Risk == Low, 2, "it is quick, and a bad version would be bearable.")
	s.add(n.Risk == High, -3, "its share grows with its instances, not with the evidence for it alone.")
	s.add(n.State == Data, -4, "two versions would work on data at once that they cannot share.")
	s.add(n.State == Sessions, -1, "users change versions as instances change.")
	s.add(n.InstantRollback, -2, "the way back needs the old instances, which are going away meanwhile.")
	s.add(n.Experience == Basic, 1, "platforms do it by themselves, the proxy only follows.")
	return s
}

func shadow(n Needs) Score {
	s := Score{Name: "shadow", Title: "shadow of real traffic"}
	s.add(n.Goal == Rehearsal, 8, "its answers are compared with the present version's, and no user gets them.")
	s.add(n.Goal != Rehearsal, -4, "it promotes nothing: a rollout would have to follow.")
	s.add(n.Risk == High, 2, "no user can meet a bad version.")
	s.add(n.SecondEnvironment, 1, "there is room for copies of requests.")
	s.add(n.State == Data, -1, "copies of requests that write need data of their own.")
	s.add(n.Experience == Advanced, 1, "somebody can read the differences and tell what they mean.")
	return s
}

func abTest(n Needs) Score {
	s := Score{Name: "ab_test", Title: "A/B test"}
	s.add(n.Goal == Experiment, 8, "both versions keep their users until the question is answered.")
	s.add(n.Goal != Experiment, -4, "there is no question about users that it would answer.")
	s.add(n.much(), 1, "there is enough traffic for narrow intervals.")
	s.add(n.little(), -2, "with little traffic the answer takes weeks.")
	s.add(n.State == Data, -4, "two versions would work on data at once that they cannot share.")
	return s
}
