import { useEffect, useRef, useState } from 'preact/hooks'
import { call, ofService } from '../api/client'
import type { Rollout, Service, Verb } from '../api/types'
import { percent, span } from '../lib/format'
import { refresh, steer } from '../state/actions'
import type { Shown } from '../state/resource'
import { live, signOfPhase } from '../state/words'
import { Confirm, Conflict, usePreview } from './change'
import { Dialog } from './dialog'
import { Part } from './part'
import { Mark } from './shape'
import { toast } from './toast'

interface Words { label: string; title: (s: Service, r: Rollout | undefined) => string; what: (s: Service, r: Rollout | undefined) => string; danger?: boolean }

/** verbs in the words of the buttons and their dialogs. */
export const verbs: Record<Verb, Words> = {
  start: { label: 'Start rollout', title: (s) => `Start a rollout of ${s.rollout?.canary || 'the canary'}`, what: (s) => `${s.rollout?.canary || 'The canary'} goes through the stages of the file. ${s.stable} stays stable until it is promoted.` },
  pause: { label: 'Pause', title: () => 'Pause the rollout', what: () => 'The weight stays where it is. The guard goes on to watch, and cuts if it must.' },
  resume: { label: 'Resume', title: () => 'Resume the rollout', what: () => 'The rollout goes on where it stood; a stage that failed begins anew.' },
  promote: { label: 'Approve', title: (_s, r) => r?.gate ? `Approve ${r.gate.replace(':', ' ')}` : stageOf(r) ? `Pass stage ${stageOf(r)}` : 'Pass this stage', what: (_s, r) => r?.gate ? 'The rollout goes on past this gate.' : 'The stage is passed without the rest of its time and evidence.' },
  promote_full: { label: 'Promote at once', title: (_s, r) => `Promote ${r?.canary ?? 'the canary'} at once`, what: () => 'All stages, gates and hooks that are left are skipped. All traffic goes to the new version.', danger: true },
  abort: { label: 'Abort', title: () => 'Abort the rollout', what: (s) => `All traffic goes to ${s.stable} at once.`, danger: true },
  retry: { label: 'Retry', title: (_s, r) => `Retry the rollout of ${r?.canary ?? 'the canary'}`, what: () => 'The same rollout begins anew, from its first stage.' },
  undo: { label: 'Undo', title: (_s, r) => `Undo: back to ${r?.from ?? 'the old version'}`, what: (_s, r) => `${r?.from ?? 'The old version'} takes all traffic and is stable again.`, danger: true },
}

/** labelOf is what the button says where the rollout stands; gate is what waits to be approved. */
export function labelOf(verb: Verb, gate: string | undefined): string {
  return verb === 'promote' && !gate ? 'Pass stage' : verbs[verb].label
}

const stageOf = (r: Rollout | undefined): string => r?.stages[r.stage]?.name ?? ''
const failed = (r: Rollout | undefined): boolean => r?.stages[r.stage]?.state === 'failed'

/** Meant is what a person saw when they decided: the server refuses (409) what it is not any more. */
interface Meant { id?: string; gate?: string; stage?: string }

function meantBy(verb: Verb, r: Rollout | undefined): Meant {
  if (verb === 'start' || !r) return {}
  return verb === 'promote' ? { id: r.id, gate: r.gate, stage: stageOf(r) } : { id: r.id }
}

const blind = new Set<Verb>(['start', 'pause']) // need no look at the rollout: nothing, or less, comes of them

interface Props { service: Service; from: Shown<Rollout>; verb: Verb; onClose: () => void }

/** VerbDialog steers a rollout, after showing where that would lead. It does what it was opened on, or nothing. */
export function VerbDialog({ service: opened, from, verb, onClose }: Props) {
  const [base, setBase] = useState(opened)
  const [stale, setStale] = useState(false)
  const { value: now } = from
  const seen = useRef(now)
  seen.current ??= now // it may have been loading
  const another = verb !== 'pause' && seen.current?.id !== now?.id // to hold still is right for any
  const r = verb === 'promote' || another ? seen.current : now // the ETag names weights, neither rollout, stage nor gate
  const meant = meantBy(verb, r)
  const asked = JSON.stringify(meant)
  const elsewhere = asked !== JSON.stringify(meantBy(verb, now)) || verb === 'promote' && failed(r) !== failed(now)
  const etag = verb === 'pause' ? undefined : base.etag // to hold still must not depend on who was faster
  const known = r !== undefined || blind.has(verb)
  const preview = usePreview(verb + base.etag + asked, known ? (signal) => steer(base.name, verb, { ...meant, dryRun: true, etag, signal }) : null)
  const outdated = preview.problem?.stale === true
  const w = verbs[verb]
  const label = labelOf(verb, r ? r.gate : base.rollout?.gate)
  const act = async (reason: string): Promise<void> => {
    const after = await steer(base.name, verb, { ...meant, etag, reason })
    toast(`${base.name}: ${label.toLowerCase()} done; rollout is ${signOfPhase(after.phase).word}`)
    refresh(base.name)
  }
  const look = async (): Promise<void> => {
    const fresh = await call<Service>(ofService(base.name)).catch(() => undefined)
    if (fresh) { seen.current = now; setBase(fresh); setStale(false) }
  }
  useEffect(() => { if (outdated) void look() }, [outdated, base]) // nothing was confirmed yet: how it is now is what counts
  const faster = stale || elsewhere
  return (
    <Dialog title={w.title(base, r)} onClose={onClose}>
      <p>{w.what(base, r)}</p>
      {!known && <Part what="rollout" from={from}>{() => null}</Part>}
      {!faster && !outdated && preview.problem && <p class="fault" role="alert">{preview.problem.message}</p>}
      {!faster && preview.value && <Outlook now={r} then={preview.value} starting={verb === 'start' || verb === 'retry'} />}
      {faster && <Conflict by={elsewhere && now ? `The rollout is ${whereNow(now)} by now` : ''} onReload={() => void look()} />}
      <Confirm label={label} danger={w.danger} ready={known && preview.value !== undefined && !faster} onClose={onClose} act={act} onStale={() => setStale(true)} />
    </Dialog>
  )
}

function whereNow(r: Rollout): string {
  if (r.gate) return `waiting for approval of ${r.gate.replace(':', ' ')}`
  const stage = stageOf(r)
  return signOfPhase(r.phase).word + (stage && live(r.phase) ? ` at stage ${stage}` : '')
}

function Outlook({ now, then, starting }: { now: Rollout | undefined; then: Rollout; starting: boolean }) {
  return (
    <dl class="outlook">
      {!starting && now && <div><dt>now</dt><dd><Mark sign={signOfPhase(now.phase)} /> {now.canary} at {percent(now.weight)}</dd></div>}
      <div><dt>then</dt><dd><Mark sign={signOfPhase(then.phase)} /> {then.canary} at {percent(then.weight)}{then.reason && <span class="muted"> · {then.reason}</span>}</dd></div>
      {starting && then.stages.length > 0 && <div><dt>stages</dt><dd>{then.stages.map((s) => `${s.name} ${percent(s.weight)}${s.duration_s > 0 ? ` for ${span(s.duration_s)}` : ''}${s.approval ? ', by approval' : ''}`).join(' → ')}</dd></div>}
    </dl>
  )
}
