import type { Decision, Evidence as Standing, Promotion, Service, Version } from '../api/types'
import { clock, count, moment, plural, ratio } from '../lib/format'
import { Mark } from './shape'
import { hue } from './sharebar'
import type { Sign } from '../state/words'

const standings: Record<Standing['standing'], Sign> = {
  inconclusive: { word: 'nothing against it', shape: 'ring', tone: 'calm' },
  suspicious: { word: 'suspicious', shape: 'diamond', tone: 'warn' },
  environment: { word: 'stable fails as well', shape: 'diamond', tone: 'warn' },
  breach: { word: 'condemned', shape: 'square', tone: 'bad' },
}

/** Evidence is how far each version is from a verdict, and a canary from passing its stage. */
export function Evidence({ service, decisions }: { service: Service; decisions: Decision[] }) {
  const others = service.versions.filter((v) => v.name !== service.stable)
  if (others.length === 0) return <p class="muted">There is one version: nothing to compare it with.</p>
  return (
    <div class="evidence">
      {others.map((v) => <Scales key={v.name} version={v} index={service.versions.indexOf(v)} stable={service.stable} trips={decisions.filter((d) => d.kind === 'trip' && d.version === v.name)} />)}
    </div>
  )
}

function Scales({ version: v, index, stable, trips }: { version: Version; index: number; stable: string; trips: Decision[] }) {
  const e = v.evidence
  return (
    <div class="scales" data-evidence={v.name}>
      <h3><i class={`swatch ${hue(index)}`} />{v.name} <Mark sign={standings[e.standing] ?? standings.inconclusive} /></h3>
      <Meter label="Against it" tone="bad" m={e.m} bound={e.bound} end="condemned" />
      {v.promotion && <Meter label="For it" tone="good" m={v.promotion.m} bound={v.promotion.bound} end="passes" />}
      <p class="sentence">{e.summary || lead(v)}</p>
      {v.promotion && <p class="sentence">{v.promotion.summary}{missing(v.promotion)}</p>}
      {trips.length > 0 && <p class="small">The trip cut it {trips.length === 1 ? 'once' : plural(trips.length, 'time')}, last at {moment(trips[0]!.time)}.</p>}
      {e.canary.requests > 0 && (
        <p class="muted small">
          {v.name} {count(e.canary.failed)} of {count(e.canary.requests)} ({ratio(e.canary.failed / e.canary.requests)})
          {e.stable.requests > 0 && <> · {stable} {count(e.stable.failed)} of {count(e.stable.requests)} ({ratio(e.stable.failed / e.stable.requests)})</>}
          {e.since && <> · since {clock(e.since)}</>}
          {e.metric && <> · {e.metric.replaceAll('_', ' ')} {e.threshold}</>}
        </p>
      )}
    </div>
  )
}

function lead(v: Version): string {
  if (v.weight === 0 && v.rps === 0) return 'No traffic, so no evidence.'
  return v.evidence.bound > 0 ? 'Nothing it did so far speaks against it.' : 'Not judged yet.'
}

function missing(p: Promotion): string {
  if (p.ready || p.missing === 0 || /request/.test(p.summary)) return ''
  return ` About ${count(p.missing)} more requests.`
}

/** Meter is evidence on a logarithmic scale: each tenth of it is as hard to come by as the one before. */
function Meter({ label, tone, m, bound, end }: { label: string; tone: string; m: number; bound: number; end: string }) {
  const part = bound > 1 ? Math.max(0, Math.min(1, Math.log(Math.max(m, 1)) / Math.log(bound))) : 0
  const text = bound > 0 ? m >= bound * 10 ? `far over ${short(bound)}` : `${short(m)} of ${short(bound)}` : 'none asked for'
  return (
    <div class="meter">
      <span class="what">{label}</span>
      <span class={`track ${tone}`} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part * 100)} aria-valuetext={`${text}; ${end} at the bound`}>
        <span class="fill" style={{ width: `${part * 100}%` }} />
      </span>
      <span class="num">{text}</span>
    </div>
  )
}

function short(n: number): string {
  if (n >= 1e6) return `10^${Math.log10(n).toFixed(1)}`
  if (n >= 1000) return count(n)
  return n >= 10 ? n.toFixed(0) : n.toFixed(1)
}
