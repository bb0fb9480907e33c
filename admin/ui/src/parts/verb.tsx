import { useEffect, useRef, useState } from 'preact/hooks'
import { call, ofService } from '../api/client'
import type { Rollout, Service, Verb } from '../api/types'
import { percent, span } from '../lib/format'
import { refresh, steer } from '../state/actions'
import { signOfPhase } from '../state/words'
import { Confirm, Conflict, usePreview } from './change'
import { Dialog } from './dialog'
import { Mark } from './shape'
import { toast } from './toast'

interface Words { label: string; title: (s: Service, r: Rollout | undefined) => string; what: (s: Service, r: Rollout | undefined) => string; danger?: boolean }

/** verbs in the words of the buttons and their dialogs. */
export const verbs: Record<Verb, Words> = {
  start: { label: 'Start rollout', title: (s) => `Start a rollout of ${s.rollout?.canary || 'the canary'}`, what: (s) => `${s.rollout?.canary || 'The canary'} goes through the stages of the file. ${s.stable} stays stable until it is promoted.` },
  pause: { label: 'Pause', title: () => 'Pause the rollout', what: () => 'The weight stays where it is. The guard goes on to watch, and cuts if it must.' },
  resume: { label: 'Resume', title: () => 'Resume the rollout', what: () => 'The rollout goes on where it stood; a stage that failed begins anew.' },
  promote: { label: 'Approve', title: (_s, r) => r?.gate ? `Approve ${r.gate.replace(':', ' ')}` : 'Pass this stage', what: (_s, r) => r?.gate ? 'The rollout goes on past this gate.' : 'The stage is passed without the rest of its time and evidence.' },
  promote_full: { label: 'Promote at once', title: (_s, r) => `Promote ${r?.canary ?? 'the canary'} at once`, what: () => 'All stages, gates and hooks that are left are skipped. All traffic goes to the new version.', danger: true },
  abort: { label: 'Abort', title: () => 'Abort the rollout', what: (s) => `All traffic goes to ${s.stable} at once.`, danger: true },
  retry: { label: 'Retry', title: (_s, r) => `Retry the rollout of ${r?.canary ?? 'the canary'}`, what: () => 'The same rollout begins anew, from its first stage.' },
  undo: { label: 'Undo', title: (_s, r) => `Undo: back to ${r?.from ?? 'the old version'}`, what: (_s, r) => `${r?.from ?? 'The old version'} takes all traffic and is stable again.`, danger: true },
}

/** labelOf is what the button says where the rollout stands. */
export function labelOf(verb: Verb, r: Rollout | undefined): string {
  return verb === 'promote' && !r?.gate ? 'Pass stage' : verbs[verb].label
}

interface Props { service: Service; rollout: Rollout | undefined; verb: Verb; onClose: () => void }

/** VerbDialog steers a rollout, after showing where that would lead. */
export function VerbDialog({ service: opened, rollout: r, verb, onClose }: Props) {
  const [base, setBase] = useState(opened)
  const [stale, setStale] = useState(false)
  const etag = verb === 'pause' ? undefined : base.etag // to hold still must not depend on who was faster
  const preview = usePreview(verb + base.etag, (signal) => steer(base.name, verb, { dryRun: true, etag, signal }))
  const outdated = preview.problem?.stale === true
  const seen = useRef(r)
  seen.current ??= r // it may have been loading
  const elsewhere = verb === 'promote' && (r?.id !== seen.current?.id || r?.gate !== seen.current?.gate) // the ETag names weights, no gate
  const w = verbs[verb]
  const meant = verb === 'start' ? {} : { id: r?.id, gate: verb === 'promote' ? r?.gate : undefined }
  const act = async (reason: string): Promise<void> => {
    const after = await steer(base.name, verb, { ...meant, etag, reason })
    toast(`${base.name}: ${labelOf(verb, r).toLowerCase()} done; rollout is ${signOfPhase(after.phase).word}`)
    refresh(base.name)
  }
  const look = async (): Promise<void> => {
    const fresh = await call<Service>(ofService(base.name)).catch(() => undefined)
    if (fresh) { setBase(fresh); setStale(false); seen.current = r }
  }
  useEffect(() => { if (outdated) void look() }, [outdated, base]) // nothing was confirmed yet: how it is now is what counts
  return (
    <Dialog title={w.title(base, r)} onClose={onClose}>
      <p>{w.what(base, r)}</p>
      {!stale && !outdated && preview.problem && <p class="fault" role="alert">{preview.problem.message}</p>}
      {preview.value && <Outlook now={r} then={preview.value} starting={verb === 'start' || verb === 'retry'} />}
      {(stale || elsewhere) && <Conflict by="" onReload={() => void look()} />}
      <Confirm label={labelOf(verb, r)} danger={w.danger} ready={preview.value !== undefined && !stale && !elsewhere} onClose={onClose} act={act} onStale={() => setStale(true)} />
    </Dialog>
  )
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
