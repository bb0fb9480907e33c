import { contact, type Problem } from '../api/client'
import { clock } from '../lib/format'
import { useStore } from '../lib/store'
import { retryStream, streamLost } from '../state/events'
import { touchFleet } from '../state/fleet'
import { touch } from '../state/resource'
import { useNow } from '../lib/clock'
import { Glyph } from './shape'

/** useLost is since when the page is behind, milliseconds; 0: it is not. */
export function useLost(): { since: number; whole: boolean } {
  const c = useStore(contact)
  const stream = useStore(streamLost)
  useNow()
  if (c.lost > 0) return { since: c.lost, whole: true }
  if (stream > 0 && Date.now() - stream > 1500) return { since: stream, whole: false }
  return { since: 0, whole: false }
}

function again(): void {
  retryStream()
  touch('')
  touchFleet('')
}

/** Banner says since when the page does not hear from the server, and what its figures are worth. */
export function Banner() {
  const { since, whole } = useLost()
  if (since === 0) return null
  return (
    <div class="banner" role="alert">
      <Glyph shape="triangle" />
      <span>
        <strong>Disconnected since {clock(since)}.</strong>{' '}
        {whole ? 'What you see is from then; sluice itself goes on without this page.' : 'Events are missing; figures are still refreshed.'}
      </span>
      <button type="button" onClick={again}>Try now</button>
    </div>
  )
}

/** Stuck says that what is shown is not refreshed although the server answers: it refuses. */
export function Stuck({ error }: { error: Problem | undefined }) {
  const { whole } = useLost()
  if (!error || whole) return null
  return <p class="fault" role="alert">These figures are old: they can't be refreshed. {error.message}</p>
}

/** Pulse is one word on whether the page is live. */
export function Pulse() {
  const { since } = useLost()
  const seen = useStore(contact).at > 0
  if (since > 0) return <span class="pulse bad"><Glyph shape="ring" />Disconnected</span>
  return <span class="pulse"><Glyph shape={seen ? 'dot' : 'ring'} />{seen ? 'Live' : 'Connecting'}</span>
}
