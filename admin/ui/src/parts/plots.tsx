import { useMemo } from 'preact/hooks'
import type uPlot from 'uplot'
import type { Happening, Line, Series } from '../api/types'
import { ms, percent, rate } from '../lib/format'
import { signOfKind } from '../state/words'
import type { Marker } from './markers'
import { type Curve, Plot } from './plot'

export const windows = ['5m', '1h', '6h'] as const
export type Window = typeof windows[number]

/** beats is how often a window's series is asked for, milliseconds. */
export const beats: Record<Window, number> = { '5m': 1000, '1h': 5000, '6h': 15_000 }

const shown = new Set(['trip', 'restore', 'verdict', 'rollback', 'promoted', 'started', 'stage', 'aborted', 'paused', 'resumed', 'weights', 'state', 'alert', 'endpoint', 'fault', 'reload'])

/** marksOf are the events that the plots show. */
export function marksOf(events: readonly Happening[]): Marker[] {
  return events.filter((e) => shown.has(e.type) && !(e.type === 'weights' && e.by === 'rollout')) // its stage says the same
    .slice(0, 200).map((e) => {
    const sign = signOfKind(e.type, e.type === 'verdict' && e.fields?.['verdict'] !== 'breach')
    return { id: String(e.id), at: Date.parse(e.time) / 1000, shape: sign.shape, tone: sign.tone, text: e.message }
  })
}

interface Props { series: Series; order: string[]; marks: Marker[]; onMark: (m: Marker) => void }

type Row = (number | null)[]

/** Plots are what each version did: requests, errors, latencies and weights over one axis of time. */
export function Plots({ series, order, marks, onMark }: Props) {
  const data = useMemo(() => aligned(series), [series])
  const hue = (v: Line): number => Math.max(0, order.indexOf(v.version))
  const one = (extra: Partial<Curve> = {}): Curve[] => series.versions.map((v) => ({ label: v.version, hue: hue(v), ...extra }))
  const common = { marks, onMark }
  return (
    <div class="plots">
      <Plot {...common} glyphs title="Requests" unit="per second" curves={one()} data={data.rates} show={rate} tick={(n) => rate(n).replace(/\.0$/, '')} range={(most) => [0, Math.max(1, most * 1.12)]} />
      <Plot {...common} glyphs title="Errors" unit="share of requests that failed" curves={one()} data={data.errors} show={short} range={(most) => [0, Math.max(1, Math.min(104, most * 1.15))]} />
      <Plot {...common} title="Latency" unit="of good answers: p99, p90, p50" curves={series.versions.flatMap((v, i) => latencies(v.version, hue(v), i * 3))} data={data.latencies} show={ms} range={(most) => [0, Math.max(1, most * 1.12)]} />
      <Plot {...common} title="Weight" unit="wanted, percent" curves={one({ steps: true })} data={data.weights} show={percent} range={() => [0, 104]} />
    </div>
  )
}

function short(n: number): string { return `${n >= 10 || n === 0 ? Math.round(n) : Number(n.toFixed(n < 1 ? 2 : 1))}\u202f%` }

function latencies(version: string, hue: number, first: number): Curve[] {
  return [
    { label: `${version} p99`, hue, bandTo: first + 2 },
    { label: `${version} p90`, brief: 'p90', hue, dash: true, thin: true },
    { label: `${version} p50`, brief: 'p50', hue, thin: true, faint: true },
  ]
}

interface Aligned { rates: uPlot.AlignedData; errors: uPlot.AlignedData; latencies: uPlot.AlignedData; weights: uPlot.AlignedData }

/** aligned turns a view into columns. Steps of which nothing is known are gaps, not zeros. */
function aligned(s: Series): Aligned {
  const start = Date.parse(s.start) / 1000
  const steps = Math.max(0, ...s.versions.map((v) => v.requests.length))
  const time = Array.from({ length: steps }, (_, i) => start + i * s.step_s)
  const column = (v: Line, value: (i: number, requests: number) => number | null): Row =>
    time.map((_, i) => (v.requests[i] ?? -1) < 0 ? null : value(i, v.requests[i]!))
  const growing = s.step_s > 1 ? steps - 1 : steps // the newest long step is not whole yet
  const positive = (n: number | undefined): number | null => n !== undefined && n > 0 ? n : null
  return {
    rates: [time, ...s.versions.map((v) => column(v, (i, n) => i === growing ? null : n / s.step_s))],
    errors: [time, ...s.versions.map((v) => column(v, (i, n) => n > 0 ? v.failed[i]! / n * 100 : null))],
    latencies: [time, ...s.versions.flatMap((v) => [v.p99_ms, v.p90_ms, v.p50_ms].map((p) => column(v, (i) => positive(p[i]))))],
    weights: [time, ...s.versions.map((v) => column(v, (i) => v.weight[i]!))],
  }
}
