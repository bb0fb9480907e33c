import type { FleetSeries } from '../api/types'
import { hue } from './sharebar'

const W = 96
const H = 24

type Lines = FleetSeries['services'][number]['versions']

/** Spark is the requests of the last minutes by version, with steps that had failures marked below. */
export function Spark({ versions, order }: { versions: Lines | undefined; order: string[] }) {
  if (!versions || versions.every((v) => v.requests.length === 0)) {
    return <svg class="spark" viewBox={`0 0 ${W} ${H}`} aria-hidden="true"><path class="none" d={`M0 ${H - 3.5}H${W}`} /></svg>
  }
  const most = Math.max(1, ...versions.flatMap((v) => v.requests))
  return (
    <svg class="spark" viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" aria-hidden="true">
      {versions.map((v) => <path key={v.version} class={`line ${hue(order.indexOf(v.version))}`} d={path(v.requests, most)} />)}
      <path class="failed" d={failures(versions)} />
    </svg>
  )
}

function path(values: number[], most: number): string {
  const step = W / Math.max(1, values.length - 1)
  let d = ''
  let pen = 'M'
  values.forEach((v, i) => {
    if (v < 0) { pen = 'M'; return }
    d += `${pen}${(i * step).toFixed(1)} ${(H - 4 - v / most * (H - 6)).toFixed(1)}`
    pen = 'L'
  })
  return d
}

/** failures are short strokes below, high as the share that failed. */
function failures(versions: Lines): string {
  const n = Math.max(...versions.map((v) => v.failed.length))
  const step = W / Math.max(1, n - 1)
  let d = ''
  for (let i = 0; i < n; i++) {
    let failed = 0
    let all = 0
    for (const v of versions) {
      failed += v.failed[i] ?? 0
      all += Math.max(0, v.requests[i] ?? 0)
    }
    if (failed > 0) d += `M${(i * step).toFixed(1)} ${H}v-${Math.max(2, Math.min(1, failed / Math.max(1, all) * 4) * (H - 4)).toFixed(1)}`
  }
  return d
}
