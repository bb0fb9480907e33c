import { useState } from 'preact/hooks'
import type { KPIs } from '../api/types'
import { plural } from '../lib/format'
import { toOverview } from '../lib/route'
import { Figures, keptSince } from '../parts/figures'
import { Part } from '../parts/part'
import { useResource } from '../state/resource'

const windows = [7, 30, 90] as const

/** Delivery is how releases went over the last days, of all services. */
export function Delivery() {
  const [days, setDays] = useState<number>(30)
  const kpis = useResource<KPIs>(`api/v1/kpis?window=${days}d`, 30_000, '')
  return (
    <div class="delivery">
      <header class="headline">
        <h1>Delivery</h1>
        <div class="chips" role="group" aria-label="Time looked back">
          {windows.map((d) => <button key={d} type="button" aria-pressed={d === days} onClick={() => setDays(d)}>{d} days</button>)}
        </div>
      </header>
      <Part what="figures" from={kpis}>{(k) => k.runs.ended === 0 ? <None days={days} /> : <Ended kpis={k} />}</Part>
    </div>
  )
}

function Ended({ kpis: k }: { kpis: KPIs }) {
  const { runs: r } = k
  const since = keptSince(k)
  const outcomes: [number, string][] = [[r.promoted, 'promoted'], [r.undone, 'of them taken back'], [r.rolled_back, 'rolled back'], [r.aborted, 'aborted'], [r.superseded, 'superseded'], [r.completed, 'completed']]
  return (
    <>
      <p class="muted">{plural(r.ended, 'rollout')} ended{since && ` since ${since}; older ones are no longer kept`}: {outcomes.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`).join(', ')}. sluice knows rollouts, not deployments that passed it by.</p>
      <Figures kpis={k} />
    </>
  )
}

function None({ days }: { days: number }) {
  return (
    <div class="empty">
      <h2>No rollout ended in the last {days} days</h2>
      <p>The figures begin with the first that does. Start one on the page of a service that has a <code>rollout</code> in its configuration, or with <code>sluice rollout start</code>.</p>
      <p><a href={toOverview}>All services</a></p>
    </div>
  )
}
