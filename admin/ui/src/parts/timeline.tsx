import { useEffect, useRef, useState } from 'preact/hooks'
import type { Happening } from '../api/types'
import { moment } from '../lib/format'
import { signOfKind } from '../state/words'
import { Mark } from './shape'

interface Props { events: readonly Happening[]; chosen: string }

const FIRST = 60
const noise = new Set(['probe', 'metric'])

/** Timeline is what happened, newest first; the chosen event stands out. */
export function Timeline({ events, chosen }: Props) {
  const [all, setAll] = useState(false)
  const item = useRef<HTMLLIElement>(null)
  useEffect(() => { item.current?.scrollIntoView({ block: 'nearest' }) }, [chosen])
  const listed = (all ? events : events.filter((e) => !noise.has(e.type))).slice(0, FIRST)
  if (events.length === 0) return <p class="muted">Nothing has happened since sluice started.</p>
  return (
    <>
      <ol class="timeline" tabIndex={0} aria-label="Events">
        {listed.map((e) => (
          <li key={e.id || e.time} ref={String(e.id) === chosen ? item : undefined} class={String(e.id) === chosen ? 'chosen' : ''} data-event={e.type}>
            <time dateTime={e.time}>{moment(e.time)}</time>
            <Mark sign={signOfKind(e.type, e.type === 'verdict' && e.fields?.['verdict'] !== 'breach')} />
            <span class="sentence">{e.message}{e.by && e.by !== 'guard' && e.by !== 'rollout' && <span class="muted"> by {e.by}</span>}</span>
          </li>
        ))}
      </ol>
      {events.some((e) => noise.has(e.type)) && <button type="button" class="quiet" aria-pressed={all} onClick={() => setAll(!all)}>{all ? 'Hide probes' : 'Show probes'}</button>}
    </>
  )
}
