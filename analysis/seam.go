package analysis

import "time"

// Now is the monotonic clock of the hot path, in nanoseconds since the process
// started. Two of its readings make a latency.
func Now() int64 { return int64(time.Since(epoch)) }

var epoch = time.Now()

// Recorder counts what became of the requests sent to one version. The zero
// value is ready; shards are allocated at first use. Start, Record and Abandon
// are wait-free, allocate nothing and are safe for concurrent use. shard is
// any number that the caller keeps stable (a connection's id); it is masked.
type Recorder struct{}

// Start counts a request sent at start (Now).
func (r *Recorder) Start(shard uint32, start int64) {}

// Record counts the end of a request that Start counted with the same start.
// The latency is end − start.
func (r *Recorder) Record(shard uint32, start, end int64, o Outcome) {}

// Started and finished so far, by outcome. Sums the shards.
func (r *Recorder) Totals() Totals { return Totals{} }

// InFlightOlder returns how many requests started before now−age are still
// unfinished (seconds resolution: 0 for ages under a second or over a minute).
func (r *Recorder) InFlightOlder(now int64, age time.Duration) uint64 { return 0 }

// Totals are a Recorder's counts since it was made.
type Totals struct {
	Started   uint64
	ByOutcome [Outcomes]uint64
}

// Requests are all that speak for or against the version: neither gone clients
// nor local refusals. Failed of them speak against it.
func (t Totals) Requests() uint64 { return 0 }
func (t Totals) Failed() uint64   { return 0 }

// Trip is the fast breaker of one version (judgement.md 0.1): CUSUM on failed
// attempts, decided inline by the request that failed. Safe for concurrent use.
type Trip struct{}

// Failure feeds one failed attempt. recorder is the version's own, from which
// the successes since the last failure are read; p0 is the tolerated failure
// rate, max(1 %, stable's recent rate). It reports whether the alarm is reached,
// once per crossing.
func (t *Trip) Failure(recorder *Recorder, p0 float64) bool { return false }

// Overdue feeds n requests in flight for far too long, each once.
func (t *Trip) Overdue(recorder *Recorder, n uint64, p0 float64) bool { return false }

// Reset forgets the evidence, after a cut or a recovery.
func (t *Trip) Reset(recorder *Recorder) {}

// Evidence says what the trip stands on, for events.
func (t *Trip) Evidence() TripEvidence { return TripEvidence{} }

// TripEvidence explains a trip.
type TripEvidence struct {
	Attempts, Failures uint64  // since the evidence last stood at zero
	Score, Threshold   float64 // CUSUM and its alarm, natural logarithms
	P0, P1             float64
}

// Arm is one version as the judge sees it: its living counters and standing.
type Arm struct {
	Service, Version string
	Stable           bool
	WeightBP         int       // wanted, hundredths of a percent
	Cut              bool      // tripped or quarantined now
	Split            *Recorder // traffic split by chance or sticky hash
	Ruled            *Recorder // traffic sent by rules
	Trip             *Trip
}

// Cut tells the controller of a trip that a request, or a probe, decided inline.
type Cut struct {
	Service, Version string
	At               time.Time
	Kind             CutKind
	Evidence         TripEvidence
}

// CutKind is what happened to the version.
type CutKind uint8

// Tripped: share to zero. Restored: the probes passed. Retripped: a probe failed.
const (
	Tripped CutKind = iota
	Restored
	Retripped
)

// JudgeOptions say what a Judge looks for. The zero value looks for nothing.
type JudgeOptions struct {
	Relative  []float64 // ratios r: "> 1.5x stable"
	Absolute  []float64 // rates: 0.05 for "> 5%"
	MinEffect float64   // smallest difference in rate that matters; default 0.001
	Strict    bool      // 2.3: r is the bound itself
	Alpha     float64   // chance of a false breach over Horizon; 0: the standing budget, one in a hundred months
	Horizon   time.Duration
	Guard     int // burst guard m; default 4
}

// Judge weighs the evidence about one version against stable, block by block.
// Not safe for concurrent use: it belongs to the controller. It marshals to
// JSON and back so that evidence survives a restart.
type Judge struct{}

// NewJudge makes a Judge with no evidence.
func NewJudge(o JudgeOptions) *Judge { return &Judge{} }

// Counts are requests and those of them that failed, in one block.
type Counts struct{ Requests, Failed uint64 }

// Block is one second of evidence. Canary and Stable are traffic split by
// chance or sticky hash; CanaryAll adds what rules sent, for absolute limits.
type Block struct {
	At                        time.Time
	Canary, Stable, CanaryAll Counts
}

// Add weighs one block and says where the evidence stands.
func (j *Judge) Add(b Block) Verdict { return Verdict{} }

// Standing is where the evidence stands. The zero value is Inconclusive.
type Standing uint8

// Suspicious: strong, not proof (M ≥ 10). Environment: stable is as bad. Breach: proof.
const (
	Inconclusive Standing = iota
	Suspicious
	Environment
	Breach
)

// Verdict is what a Judge says after a block, with all that it stands on.
type Verdict struct {
	Standing  Standing
	Metric    string    // error_rate
	Threshold string    // "> 1.5x stable"
	Evidence  float64   // M now
	Bound     float64   // M that condemns
	Since     time.Time // most likely change
	Canary    Counts    // since then
	Stable    Counts
	Effect    float64 // the ratio (or rate) that explains it best
	Summary   string  // one sentence for people
}
