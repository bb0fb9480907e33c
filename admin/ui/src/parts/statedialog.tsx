import { useState } from 'preact/hooks'
import { call, ofService } from '../api/client'
import type { Service, State, Version } from '../api/types'
import { percent } from '../lib/format'
import { refresh, setState } from '../state/actions'
import { signOfState } from '../state/words'
import { Confirm, Conflict, usePreview } from './change'
import { Dialog } from './dialog'
import { Mark } from './shape'
import { toast } from './toast'

const choices: [State, string][] = [
  ['active', 'It may have the traffic that its weight gives it.'],
  ['drain', 'Users who are on it by cookie stay, new ones go elsewhere.'],
  ['off', 'It gets no traffic.'],
]

/** StateDialog sets what a version may do; active releases a trip or a quarantine. */
export function StateDialog({ service: opened, version: chosen, onClose }: { service: Service; version: Version; onClose: () => void }) {
  const [base, setBase] = useState(opened)
  const v = base.versions.find((x) => x.name === chosen.name) ?? chosen // as it is after a look
  const cut = v.state === 'quarantined' || v.state === 'tripped'
  const [state, setChoice] = useState<State>(cut ? 'active' : v.state)
  const [stale, setStale] = useState(false)
  const changed = state !== v.state
  const preview = usePreview(state + base.etag, changed ? (signal) => setState(base.name, v.name, state, { dryRun: true, etag: base.etag, signal }) : null)
  const faster = stale || preview.problem?.stale === true
  const then = preview.value?.versions.find((x) => x.name === v.name)
  const act = async (reason: string): Promise<void> => {
    await setState(base.name, v.name, state, { etag: base.etag, reason })
    toast(cut && state === 'active' ? `${v.name} released` : `${v.name} set to ${signOfState(state).word}`)
    refresh(base.name)
  }
  const look = async (): Promise<void> => {
    const fresh = await call<Service>(ofService(base.name)).catch(() => undefined)
    if (fresh) { setBase(fresh); setStale(false) }
  }
  return (
    <Dialog title={cut ? `Release ${v.name}` : `State of ${v.name}`} onClose={onClose}>
      <p>{v.name} is <Mark sign={signOfState(v.state)} />. {v.evidence.standing !== 'inconclusive' && v.evidence.summary}</p>
      <fieldset class="choices"><legend class="hidden">New state</legend>
        {choices.map(([s, what]) => (
          <label key={s}><input type="radio" name="state" value={s} checked={state === s} onChange={() => setChoice(s)} /><span><b>{cut && s === 'active' ? 'release: active' : signOfState(s).word}</b><small>{what}</small></span></label>
        ))}
      </fieldset>
      {then && <p class="outlook">Its share goes from {percent(v.share)} to <b>{percent(then.share)}</b>.</p>}
      {!faster && preview.problem && <p class="fault" role="alert">{preview.problem.message}</p>}
      {faster && <Conflict by="" onReload={() => void look()} />}
      <Confirm label={cut && state === 'active' ? 'Release' : 'Set state'} ready={changed && preview.value !== undefined && !faster} onClose={onClose} act={act} onStale={() => setStale(true)} />
    </Dialog>
  )
}
