import type { Figure, KPIs, Spread } from '../api/types'
import { count, moment, plural, ratio, span } from '../lib/format'

interface One { name: string; value: string; basis: string; what: string }

/** Figures are the measures of delivery performance, each with the counts that it stands on. What has no data is a dash, never 0. */
export function Figures({ kpis: k, brief }: { kpis: KPIs; brief?: boolean }) {
  return (
    <dl class={`figures${brief ? ' brief' : ''}`}>
      {all(k).map((f) => (
        <div key={f.name} data-figure={f.name}>
          <dt>{f.name}</dt>
          <dd><b class={f.value === '–' ? 'none' : ''}>{f.value}</b><small>{f.basis}</small>{!brief && <small class="about">{f.what}</small>}</dd>
        </div>
      ))}
    </dl>
  )
}

/** keptSince is since when the figures are if that is less than was asked for, as what ended before is no longer kept; else "". */
export function keptSince(k: KPIs): string {
  const lacks = k.window_s - (Date.parse(k.until) - Date.parse(k.since)) / 1000
  return lacks > 60 ? moment(k.since) : ''
}

function all(k: KPIs): One[] {
  const deployed = k.deployment_frequency
  return [
    { name: 'Deployment frequency', ...frequency(deployed), what: 'Versions that became stable.' },
    { name: 'Lead time', ...spread(k.lead_time, 'promotion', 'no promoted version says when it was committed (label committed_at)'), what: 'From the commit until all users had it.' },
    { name: 'Time to restore', ...spread(k.time_to_restore, 'failed change', 'no failed change had users'), what: 'From the first sign of a failure until the version had no traffic.' },
    { name: 'Change-failure rate', ...rate(k.change_failure_rate, 'change'), what: 'Rolled back, or taken back after the promotion; however few saw it.' },
    { name: 'Rollback rate', ...rate(k.rollback_rate, 'change'), what: 'Rolled back before the promotion.' },
    { name: 'Success rate', ...rate(k.success_rate, 'decided rollout'), what: 'Promoted and still standing, of all that were promoted, rolled back or aborted.' },
  ]
}

type Told = Pick<One, 'value' | 'basis'>

function frequency(f: Figure): Told {
  if (f.value === null) return { value: '–', basis: 'no rollout ended' }
  const value = f.value === 0 ? '0 a day' : f.value >= 1 ? `${Number(f.value.toFixed(1))} a day` : `${Number((f.value * 7).toFixed(1))} a week`
  return { value, basis: plural(f.count, 'promotion') }
}

function rate(f: Figure, what: string): Told {
  if (f.value === null) return { value: '–', basis: 'nothing was decided' }
  return { value: ratio(f.value), basis: `${count(f.count)} of ${plural(f.of, what)}` }
}

function spread(s: Spread, what: string, none: string): Told {
  if (s.median_s === null) return { value: '–', basis: none }
  const known = `known of ${count(s.count)} of ${plural(s.of, what)}`
  return { value: brief(s.median_s), basis: s.p90_s === null ? known : `median; 90 % within ${brief(s.p90_s)}; ${known}` }
}

/** brief is a time of which a tenth is told where it is short: a cut takes milliseconds. */
function brief(seconds: number): string {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : seconds < 10 ? `${Number(seconds.toFixed(1))}s` : span(seconds)
}
