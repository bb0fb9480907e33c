import { useState } from 'preact/hooks'
import type { Service } from '../api/types'
import { useStore } from '../lib/store'
import { abort, abortable } from '../state/actions'
import { may, session } from '../state/session'

/** AbortButton is there whenever a rollout is live or another version than stable is to have traffic. One click does it. */
export function AbortButton({ service, small }: { service: Service; small?: boolean }) {
  const who = useStore(session)
  const [busy, setBusy] = useState(false)
  const how = abortable(service)
  if (!how || !may(who, 'operator')) return null
  const what = how === 'rollout' ? 'Abort' : `All to ${service.stable}`
  return (
    <button type="button" class={`abort${small ? ' small' : ''}`} disabled={busy} aria-keyshortcuts={small ? undefined : 'a'}
      title={how === 'rollout' ? `End the rollout, all traffic to ${service.stable}` : `Weight 100 % for ${service.stable}`}
      onClick={() => { setBusy(true); void abort(service).finally(() => setBusy(false)) }}>
      {busy ? 'Aborting…' : what}<span class="hidden"> {service.name}</span>{!small && <kbd aria-hidden="true">a</kbd>}
    </button>
  )
}
