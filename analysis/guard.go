package analysis

import "math"

// burstGuard is ln C, the most that one block can add to the logarithm of the
// evidence: a burst of failures on one side is not made of independent requests, so
// m blocks of it must not lead from 1 to the bound (judgement 2.7). Being a constant it
// only lowers L, so the evidence stays valid.
//
// Measured on 200 hours with 3 s bursts (30 % of requests, one in ten minutes on each of ten
// pods, one of them the canary, not aligned to blocks), m = 4: none condemned with the
// standing budget, one in a rollout; with 5 s bursts 5 and 28. A cap that follows the evidence
// down, so that a version that dies late is condemned as soon as one that dies at
// once, was tried and condemned 20 to 190 of the 200. The price of the constant: with the
// standing budget a version that dies late is condemned after 16 s (rollout: 11)
// instead of 5. The trip has cut it long before.
func burstGuard(bound float64, m int) float64 { return math.Log(bound) / float64(m) }
