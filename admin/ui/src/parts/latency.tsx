import type { Distribution } from '../api/types'
import { count, ms } from '../lib/format'
import { hue } from './sharebar'

const W = 560
const H = 150
const BASE = H - 20
const RATIO = 2 ** 0.25 // from one bucket's bound to the next

/** Latency is how the answers of the last minute or two lie, each version against the others. */
export function Latency({ all, order }: { all: Distribution[]; order: string[] }) {
  const some = all.filter((d) => (d.buckets ?? []).some((b) => b.count > 0))
  if (some.length === 0) return <p class="muted">No good answers in the last minute.</p>
  const bounds = some.flatMap((d) => d.buckets!.map((b) => b.le_ms))
  const low = Math.log(Math.min(...bounds) / RATIO ** 2)
  const high = Math.log(Math.max(...bounds) * RATIO)
  const x = (at: number): number => (Math.log(at) - low) / (high - low) * W
  const shares = some.map(share)
  const most = Math.max(...shares.flatMap((s) => s.map((b) => b.part)))
  return (
    <div class="latency">
      <svg viewBox={`0 0 ${W} ${H}`} role="img" aria-label={some.map(spoken).join('; ')} preserveAspectRatio="none">
        {ticks(Math.exp(low), Math.exp(high)).map((t) => <path key={t} class="grid" d={`M${x(t).toFixed(1)} 0V${BASE}`} />)}
        {some.map((d, i) => <path key={d.version} class={`area ${hue(order.indexOf(d.version))}`} d={outline(shares[i]!, x, most)} />)}
        {some.map((d) => <path key={d.version} class={`p99 ${hue(order.indexOf(d.version))}`} d={`M${x(quantile(d, 0.99)).toFixed(1)} 0V${BASE}`} />)}
      </svg>
      <div class="ticks" aria-hidden="true">
        {ticks(Math.exp(low), Math.exp(high)).map((t) => <span key={t} style={{ left: `${x(t) / W * 100}%` }}>{ms(t)}</span>)}
      </div>
      <div class="legend">
        {some.map((d) => (
          <span key={d.version} class={hue(order.indexOf(d.version))}><i />{d.version}<b>p50 {ms(quantile(d, 0.5))} · p99 {ms(quantile(d, 0.99))}</b><span class="muted">of {count(total(d))}</span></span>
        ))}
      </div>
    </div>
  )
}

const total = (d: Distribution): number => d.buckets!.reduce((n, b) => n + b.count, 0)

interface Part { from: number; to: number; part: number }

function share(d: Distribution): Part[] {
  const all = total(d)
  return d.buckets!.map((b) => ({ from: b.le_ms / RATIO, to: b.le_ms, part: b.count / all }))
}

/** outline is a histogram's upper edge, closed along the base; empty buckets are gaps in it. */
function outline(parts: Part[], x: (at: number) => number, most: number): string {
  return parts.map((p) => {
    const y = (BASE - p.part / most * (BASE - 6)).toFixed(1)
    return `M${x(p.from).toFixed(1)} ${BASE}V${y}H${x(p.to).toFixed(1)}V${BASE}z`
  }).join('')
}

/** quantile is the bound of the bucket that holds it. */
function quantile(d: Distribution, q: number): number {
  const want = total(d) * q
  let seen = 0
  for (const b of d.buckets!) {
    seen += b.count
    if (seen >= want) return b.le_ms
  }
  return d.buckets!.at(-1)!.le_ms
}

function ticks(low: number, high: number): number[] {
  const all: number[] = []
  for (let decade = 10 ** Math.floor(Math.log10(low)); decade < high; decade *= 10) {
    for (const m of high / low > 60 ? [1] : [1, 2, 5]) {
      const t = decade * m
      if (t > low * 1.05 && t < high / 1.05) all.push(t)
    }
  }
  return all
}

function spoken(d: Distribution): string { return `${d.version}: p50 ${ms(quantile(d, 0.5))}, p99 ${ms(quantile(d, 0.99))}` }
