import { useMemo, useState } from 'preact/hooks'
import { ofService } from '../api/client'
import type { Comparison, Decision, Distribution, Faults, KPIs, PastRollout, Rollout, Series, Service, Verb, Version } from '../api/types'
import { useNow } from '../lib/clock'
import { age } from '../lib/format'
import { useKeys } from '../lib/keys'
import { toOverview } from '../lib/route'
import { useStore } from '../lib/store'
import { AbortButton } from '../parts/abort'
import { Stuck } from '../parts/banner'
import { Checks } from '../parts/checks'
import { Decisions } from '../parts/decisions'
import { Evidence } from '../parts/evidence'
import { Figures, keptSince } from '../parts/figures'
import { History } from '../parts/history'
import { Latency } from '../parts/latency'
import { Mirror } from '../parts/mirror'
import { Failed, Part } from '../parts/part'
import { Path } from '../parts/path'
import { beats, marksOf, Plots, type Window, windows } from '../parts/plots'
import { Mark } from '../parts/shape'
import { StateDialog } from '../parts/statedialog'
import { Timeline } from '../parts/timeline'
import { labelOf, VerbDialog, verbs } from '../parts/verb'
import { Versions } from '../parts/versions'
import { WeightsDialog } from '../parts/weights'
import { abort, abortable } from '../state/actions'
import { attentionOf } from '../state/attention'
import { happenings } from '../state/events'
import { type Shown, useResource } from '../state/resource'
import { may, session } from '../state/session'
import { live } from '../state/words'

type Open = { what: 'weights' } | { what: 'verb'; verb: Verb } | { what: 'state'; version: Version } | undefined

/** ServicePage is one service: where it stands, what it does, why, and what can be done. */
export function ServicePage({ name }: { name: string }) {
  const { value: service, error } = useResource<Service>(ofService(name), 1000, name)
  if (!service && error) return <Gone name={name} why={error.message} missing={error.status === 404} />
  if (!service) return <div class="skeleton tall" role="status" aria-label={`Loading ${name}`}>{[0, 1, 2].map((i) => <span key={i} />)}</div>
  return <><Stuck error={error} /><Body service={service} /></>
}

function Body({ service }: { service: Service }) {
  const { name } = service
  const who = useStore(session)
  const operator = may(who, 'operator')
  const [open, setOpen] = useState<Open>()
  const [span, setSpan] = useState<Window>('5m')
  const rollout = useResource<Rollout>(service.rollout ? ofService(name, '/rollout') : null, live(service.rollout?.phase) ? 1000 : 10_000, name)
  const close = (): void => setOpen(undefined)
  useKeys({
    1: () => setSpan('5m'), 2: () => setSpan('1h'), 3: () => setSpan('6h'), Escape: () => { location.hash = toOverview },
    a: operator && abortable(service) ? () => void abort(service) : undefined,
    w: operator ? () => setOpen({ what: 'weights' }) : undefined,
  })
  return (
    <div class="service" data-service={name}>
      <Title service={service} rollout={rollout.value} operator={operator} open={setOpen} />
      <Course rollout={rollout} />
      <section class="card"><h2>Versions</h2><Versions service={service} act={operator ? (version) => setOpen({ what: 'state', version }) : undefined} /><SetBy service={service} /></section>
      <Seen service={service} span={span} setSpan={setSpan} />
      {open?.what === 'weights' && <WeightsDialog service={service} onClose={close} />}
      {open?.what === 'verb' && <VerbDialog service={service} from={rollout} verb={open.verb} onClose={close} />}
      {open?.what === 'state' && <StateDialog service={service} version={open.version} onClose={close} />}
    </div>
  )
}

/** Course is where the rollout stands; nothing for a service that had none. */
function Course({ rollout }: { rollout: Shown<Rollout> }) {
  if (!rollout.error && (!rollout.value || rollout.value.phase === 'none')) return null
  return (
    <section class="card">
      <h2>Rollout</h2>
      <Part what="rollout" from={rollout}>{(r) => r.phase === 'none' ? null : <><Path rollout={r} /><Checks rollout={r} /></>}</Part>
    </section>
  )
}

const order: Verb[] = ['promote', 'resume', 'pause', 'start', 'retry', 'undo', 'promote_full']

/** Title stays in sight: what the service is at, and what can be done about it. */
function Title({ service, rollout, operator, open }: { service: Service; rollout: Rollout | undefined; operator: boolean; open: (o: Open) => void }) {
  const attention = attentionOf(service)
  const can = service.rollout?.can ?? []
  const running = live(service.rollout?.phase)
  const offered = order.filter((v) => can.includes(v) && !(v === 'undo' && running) && !(v === 'start' && can.includes('retry')))
  return (
    <div class="servicetitle">
      <a class="back" href={toOverview} aria-label="All services">←</a>
      <h1>{service.name}</h1>
      {attention.rank > 0 && <Mark sign={attention} strong />}
      <span class="grow" />
      {!operator && <span class="readonly">read only</span>}
      {operator && (
        <div class="actions" role="group" aria-label="Actions">
          {offered.map((v) => <button key={v} type="button" class={v === 'promote' && service.rollout?.gate ? 'primary' : ''} title={verbs[v].what(service, rollout)} onClick={() => open({ what: 'verb', verb: v })}>{labelOf(v, service.rollout?.gate)}</button>)}
          <button type="button" aria-keyshortcuts="w" onClick={() => open({ what: 'weights' })}>Weights<kbd aria-hidden="true">w</kbd></button>
          <AbortButton service={service} />
        </div>
      )}
    </div>
  )
}

function SetBy({ service: s }: { service: Service }) {
  const now = useNow()
  const declared = s.declared.stable !== s.stable || s.versions.some((v) => v.weight !== v.declared_weight)
  return (
    <p class="muted small">
      Weights set by {s.set_by || 'the file'}{s.set_at && !s.set_at.startsWith('0001') ? ` ${age(Date.parse(s.set_at), now)}` : ''}{s.reason ? `: ${s.reason}` : ''}.
      {declared && <> The file says {s.versions.map((v) => `${v.name} ${v.declared_weight}`).join(', ')}, stable {s.declared.stable}.</>}
    </p>
  )
}

/** Seen is everything measured: plots, distribution, evidence, decisions, events. */
function Seen({ service, span, setSpan }: { service: Service; span: Window; setSpan: (w: Window) => void }) {
  const { name } = service
  const order = service.versions.map((v) => v.name)
  const series = useResource<Series>(ofService(name, `/series?window=${span}`), beats[span], name)
  const latency = useResource<{ versions: Distribution[] }>(ofService(name, '/latency'), 2000, name)
  const decided = useResource<{ decisions: Decision[] }>(ofService(name, '/decisions'), 30_000, name)
  const compared = useResource<Comparison>(service.compares ? ofService(name, '/comparison') : null, 10_000)
  const past = useResource<{ rollouts: PastRollout[] }>(service.rollout ? ofService(name, '/rollout/history?limit=10') : null, 60_000, name)
  const faults = useResource<Faults>(ofService(name, '/faults'), 10_000, name)
  const everything = useStore(happenings)
  const events = useMemo(() => everything.filter((e) => e.service === name || !e.service), [everything, name])
  const marks = useMemo(() => marksOf(events), [events])
  const [decision, setDecision] = useState('')
  const [event, setEvent] = useState('')
  const decisions = decided.value?.decisions ?? []
  const chosen = (id: string): void => {
    setEvent(id)
    const e = events.find((x) => String(x.id) === id)
    const near = e && decisions.find((d) => Math.abs(Date.parse(d.time) - Date.parse(e.time)) < 1500 && d.summary === e.message)
    if (near) setDecision(near.id)
  }
  return (
    <>
      {faults.error && !faults.value && <Failed what="list of experiments" error={faults.error} old={false} retry={faults.retry} />}
      {faults.value && faults.value.running.length > 0 && <p class="note"><Mark sign={{ word: 'experiment runs', shape: 'diamond', tone: 'warn' }} /> {faults.value.running.map((f) => `${f.name} on ${f.version}, ${f.requests} requests so far`).join('; ')}</p>}
      <section class="card series">
        <header>
          <h2>Traffic</h2>
          <div class="chips" role="group" aria-label="Time shown">{windows.map((w, i) => <button key={w} type="button" aria-pressed={w === span} onClick={() => setSpan(w)}>{w}<kbd aria-hidden="true">{i + 1}</kbd></button>)}</div>
        </header>
        <Part what="plots" from={series} blank>
          {(s) => s.versions.some((v) => v.requests.length > 0)
            ? <Plots series={s} order={order} marks={marks} onMark={(m) => chosen(m.id)} />
            : <p class="muted blank">No traffic since sluice started. The plots begin with the first request.</p>}
        </Part>
      </section>
      <div class="two">
        <section class="card"><h2>Evidence</h2><Evidence service={service} decisions={decisions} /></section>
        <section class="card"><h2>Latency <span class="muted">of good answers, last minute</span></h2><Part what="latencies" from={latency}>{(l) => <Latency all={l.versions} order={order} />}</Part></section>
      </div>
      <div class="two">
        <section class="card"><h2>Decisions</h2><Part what="decisions" from={decided}>{(d) => <Decisions decisions={d.decisions} open={decision} onOpen={setDecision} />}</Part></section>
        <section class="card"><h2>Events</h2><Timeline events={events} chosen={event} /></section>
      </div>
      {(compared.error || (compared.value?.mirrored ?? 0) > 0) && <section class="card"><h2>Mirrored traffic</h2><Part what="comparison" from={compared}>{(c) => <Mirror comparison={c} />}</Part></section>}
      {(past.error || (past.value?.rollouts.length ?? 0) > 0) && <section class="card"><h2>Past rollouts</h2><Part what="past rollouts" from={past}>{(p) => <History rollouts={p.rollouts} />}</Part><Lately name={name} /></section>}
    </>
  )
}

/** Lately is the delivery figures of a service, once there are any. */
function Lately({ name }: { name: string }) {
  const kpis = useResource<KPIs>(`api/v1/kpis?window=30d&service=${encodeURIComponent(name)}`, 60_000, name)
  if (!kpis.error && !kpis.value?.runs.ended) return null
  const since = kpis.value && keptSince(kpis.value)
  return <><h3 class="subhead">{since ? `Since ${since}; what ended before is no longer kept` : 'Last 30 days'}</h3><Part what="figures" from={kpis}>{(k) => <Figures kpis={k} brief />}</Part></>
}

function Gone({ name, why, missing }: { name: string; why: string; missing: boolean }) {
  return (
    <div class="empty" role="alert">
      <h1>{missing ? `There is no service ${name}` : `${name} can't be shown`}</h1>
      <p>{missing ? 'It may have left the configuration.' : why}</p>
      <p><a href={toOverview}>All services</a></p>
    </div>
  )
}
