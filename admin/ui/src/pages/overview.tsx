import { useEffect, useRef, useState } from 'preact/hooks'
import type { Service } from '../api/types'
import { count, plural, rate, ratio } from '../lib/format'
import { useKeys } from '../lib/keys'
import { useStore } from '../lib/store'
import { Stuck } from '../parts/banner'
import { ServiceRow } from '../parts/servicerow'
import { type Attention, attentionOf, moving } from '../state/attention'
import { fleet, sparks, touchFleet, watchFleet } from '../state/fleet'

interface Row { service: Service; attention: Attention; moving: boolean }
type Filter = 'all' | 'attention' | 'moving' | 'cut' | 'steady'

const filters: [Filter, string, (r: Row) => boolean][] = [
  ['all', 'All', () => true],
  ['attention', 'Needs attention', (r) => r.attention.rank > 0],
  ['moving', 'Rolling out', (r) => r.moving],
  ['cut', 'Cut', (r) => r.service.versions.some((v) => v.state === 'tripped' || v.state === 'quarantined')],
  ['steady', 'Steady', (r) => r.attention.rank === 0 && !r.moving],
]

/** Overview is the fleet: what needs attention first, then what moves, then the rest. */
export function Overview() {
  useEffect(() => watchFleet(), [])
  const { services, error, loaded } = useStore(fleet)
  const [filter, setFilter] = useState<Filter>('all')
  const [words, setWords] = useState('')
  const field = useRef<HTMLInputElement>(null)
  useKeys({ '/': () => field.current?.focus(), j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1) })
  if (!loaded) return error ? <Broken why={error.message} /> : <Skeleton />

  const rows = services.map((service) => ({ service, attention: attentionOf(service), moving: moving(service) }))
  const found = rows.filter(filters.find(([f]) => f === filter)![2]).filter((r) => matches(r.service, words))
  return (
    <div class="overview">
      <Stuck error={error} />
      <Headline rows={rows} />
      <div class="tools">
        <input ref={field} type="search" placeholder="Search services  /" aria-label="Search services" value={words}
          onInput={(e) => setWords(e.currentTarget.value)} onKeyDown={(e) => { if (e.key === 'Escape') { setWords(''); e.currentTarget.blur() } }} />
        <div class="chips" role="group" aria-label="Filter by state">
          {filters.map(([f, label, fits]) => (
            <button key={f} type="button" aria-pressed={filter === f} onClick={() => setFilter(f)}>{label} <span class="n">{rows.filter(fits).length}</span></button>
          ))}
        </div>
      </div>
      {services.length === 0 && <div class="empty"><h2>No services yet</h2><p>The configuration in force names none. Add one under <code>services</code>; saving the file is enough.</p></div>}
      {services.length > 0 && found.length === 0 && (
        <div class="empty"><h2>Nothing matches</h2><p>{plural(services.length, 'service')} in all. <button type="button" onClick={() => { setWords(''); setFilter('all') }}>Show all</button></p></div>
      )}
      <Sections found={found} />
    </div>
  )
}

function Sections({ found }: { found: Row[] }) {
  const attention = found.filter((r) => r.attention.rank > 0).sort((a, b) => b.attention.rank - a.attention.rank)
  const moves = found.filter((r) => r.attention.rank === 0 && r.moving)
  const rest = found.filter((r) => r.attention.rank === 0 && !r.moving)
  return (
    <>
      <Section title="Needs attention" rows={attention} first />
      <Section title="Rolling out" rows={moves} first={attention.length === 0} />
      <Section title={attention.length + moves.length > 0 ? 'Steady' : 'Services'} rows={rest} first={attention.length + moves.length === 0} />
    </>
  )
}

const columns: [string, string][] = [['Version', ''], ['State', ''], ['Share', 'num'], ['Share as a bar', 'barcell'], ['Trend of 5 min', 'sparkcell'], ['Req/s', 'num'], ['Errors', 'num'], ['p50', 'num'], ['p99', 'num']]

/** Section is a part of the fleet. The first has the names of the columns for all. */
function Section({ title, rows, first }: { title: string; rows: Row[]; first: boolean }) {
  const lines = useStore(sparks)
  if (rows.length === 0) return null
  return (
    <section class="fleetpart">
      <h2>{title} <span class="n">{rows.length}</span></h2>
      <div role="table" aria-label={title} class="fleet">
        <div role="rowgroup" class={first ? 'head' : 'head hidden'}>
          <div role="row" class="line">
            {columns.map(([name, kind]) => <span key={name} role="columnheader" class={kind}>{kind === 'barcell' ? <span class="hidden">{name}</span> : name}</span>)}
          </div>
        </div>
        {rows.map((r) => <ServiceRow key={r.service.name} service={r.service} attention={r.attention} spark={lines.get(r.service.name)} />)}
      </div>
    </section>
  )
}

/** Headline is the fleet in a line. */
function Headline({ rows }: { rows: Row[] }) {
  let rps = 0
  let failing = 0
  for (const { service } of rows) for (const v of service.versions) { rps += v.rps; failing += v.rps * v.error_rate }
  const needs = rows.filter((r) => r.attention.rank > 0).length
  const moves = rows.filter((r) => r.moving).length
  return (
    <div class="headline">
      <h1>{needs === 0 ? 'All is well' : `${count(needs)} ${needs === 1 ? 'service needs' : 'services need'} attention`}</h1>
      <dl>
        <div><dt>services</dt><dd>{count(rows.length)}</dd></div>
        <div><dt>rolling out</dt><dd>{count(moves)}</dd></div>
        <div><dt>requests/s</dt><dd>{rate(rps)}</dd></div>
        <div><dt>errors</dt><dd>{ratio(rps > 0 ? failing / rps : 0)}</dd></div>
      </dl>
    </div>
  )
}

function Broken({ why }: { why: string }) {
  return <div class="empty" role="alert"><h1>The services can't be shown</h1><p>{why}</p><button type="button" onClick={() => touchFleet('')}>Try again</button></div>
}

function Skeleton() {
  return <div class="skeleton" role="status" aria-label="Loading services">{[0, 1, 2, 3].map((i) => <span key={i} />)}</div>
}

function matches(s: Service, words: string): boolean {
  const all = `${s.name} ${s.versions.map((v) => `${v.name} ${v.state}`).join(' ')} ${s.rollout?.phase ?? ''}`.toLowerCase()
  return words.toLowerCase().split(/\s+/).every((w) => all.includes(w))
}

/** step moves the focus to the next service, or the one before. */
function step(by: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('.svc .name')]
  const at = links.indexOf(document.activeElement as HTMLElement)
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))]?.focus()
}
