import type { FleetSeries } from '../api/types'
import { hue } from './sharebar'

const W = 100
const H = 20

type Line = FleetSeries['services'][number]['versions'][number]

/** Spark is a version's requests over the last minutes, on a scale of its own, with steps that had failures marked. */
export function Spark({ line, index }: { line: Line | undefined; index: number }) {
  const some = line?.requests.some((n) => n > 0)
  return (
    <svg class="spark" viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" aria-hidden="true">
      {line && some
        ? <><path class={`line ${hue(index)}`} d={path(line.requests)} /><path class="failed" d={failures(line)} /></>
        : <path class="none" d={`M0 ${H - 2.5}H${W}`} />}
    </svg>
  )
}

/** path is the line; the server sends whole steps only. */
function path(values: number[]): string {
  const most = Math.max(1, ...values)
  const step = W / Math.max(1, values.length - 1)
  let d = ''
  let pen = 'M'
  values.forEach((v, i) => {
    if (v < 0) { pen = 'M'; return }
    d += `${pen}${(i * step).toFixed(1)} ${(H - 2 - v / most * (H - 4)).toFixed(1)}`
    pen = 'L'
  })
  return d
}

/** failures are strokes from below, as high as the share that failed. */
function failures({ requests, failed }: Line): string {
  const step = W / Math.max(1, requests.length - 1)
  return requests.map((n, i) => {
    const bad = failed[i] ?? 0
    return n > 0 && bad > 0 ? `M${Math.min(W - 1, i * step).toFixed(1)} ${H}v-${Math.max(3, bad / n * H).toFixed(1)}` : ''
  }).join('')
}
