#!/usr/bin/env python3
"""Writes golden.json: the evidence that a reference detector, written apart from the
Go one, finds in fixed streams of counts. Run again with

    python3 analysis/testdata/golden.py > analysis/testdata/golden.json

Standard library only; the streams come from a seeded generator and are part of the file.
"""
import json, math, random, sys

STEPS = (1.0, 1.5, 2.5, 5.0, 15.0, 50.0, 1000.0)
RHO = (1.5, 2, 3, 5, 10, 30, 100)


class Reference:
    """Weighted Shiryaev-Roberts mixture of count e-factors; M after every block."""

    def __init__(self, r0=1.0, d0=.0005, first=2.25, p0=None, room=None, refill=None, horizon=3600, a0=.5):
        self.r0, self.d0, self.p0, self.room, self.refill = r0, d0, p0, room, refill
        self.R = RHO if p0 is not None else tuple(first * s for s in STEPS)
        self.w, self.left, self.S = (1 - a0) / horizon, 1 - a0, [a0] * len(self.R)
        self.pend = [0, 0, 0, 0]
        self.at = -1
        self.taken, self.second = [0] * len(self.R), None

    def add(self, nc, ec, nb, eb):
        self.at += 1
        self.left -= self.w
        self.S = [s + self.w for s in self.S]
        self.pend = [a + b for a, b in zip(self.pend, (nc, ec, nb, eb))]
        if self.pend[0] and (self.pend[2] or self.p0 is not None):
            self.weigh(*self.pend)
            self.pend = [0, 0, 0, 0]
        return sum(self.S) / len(self.S) + self.left

    def weigh(self, nc, ec, nb, eb):
        if self.room:
            rest = (self.at - self.second) * self.refill if self.second is not None else 0
            self.taken = [max(0, t - rest) for t in self.taken]
            self.second = self.at
        for j, m in enumerate(self.R):
            if self.p0 is not None:
                l = ec * math.log(m) - nc * self.p0 * (m - 1)
            else:
                tot = self.r0 * nc + nb
                theta, q = self.r0 * nc / tot, m * nc / (m * nc + nb)
                l = -self.d0 / self.r0 * tot * (q - theta)
                l += ec * math.log(q / theta) + eb * math.log((1 - q) / (1 - theta))
            if self.room:
                l = min(l, self.room - self.taken[j])
                self.taken[j] += max(0, l)
            self.S[j] *= math.exp(l)


def counts(rng, rps, weight, pc, pb):
    nc = sum(rng.random() < weight for _ in range(rps))
    nb = rps - nc
    return nc, sum(rng.random() < pc for _ in range(nc)), nb, sum(rng.random() < pb for _ in range(nb))


def stream(seed, rps, weight, pb, pc, onset, blocks):
    rng = random.Random(seed)
    return [counts(rng, rps, weight, pc if t >= onset else pb, pb) for t in range(blocks)]


CASES = (
    ("healthy, 200 rps", dict(), stream(1, 200, .1, .01, .01, 0, 120)),
    ("five times from block 60", dict(), stream(2, 200, .25, .01, .05, 60, 100)),
    ("guarded", dict(room=2.5, refill=.7), stream(3, 200, .25, .01, .2, 20, 40)),
    ("strict", dict(r0=1.5, d0=.001, first=2.1), stream(4, 200, .25, .01, .05, 30, 90)),
    ("3 rps, blocks wait for both sides", dict(), stream(5, 3, .2, .05, .9, 40, 120)),
    ("absolute 1 %", dict(p0=.01), stream(6, 200, .1, .005, .05, 60, 100)),
)

if __name__ == "__main__":
    out = []
    for name, args, blocks in CASES:
        d = Reference(**args)
        out.append(dict(name=name, args=args, blocks=blocks, evidence=[d.add(*b) for b in blocks]))
    json.dump(out, sys.stdout, separators=(",", ":"))
    print()
