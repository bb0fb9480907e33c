import { useEffect, useRef } from 'preact/hooks'
import type { Decision } from '../api/types'
import { moment } from '../lib/format'
import { signOfAction } from '../state/words'
import { Facts } from './facts'
import { Mark } from './shape'

interface Props { decisions: Decision[]; open: string; onOpen: (id: string) => void }

const FIRST = 30

/** Decisions is what sluice decided, each with its evidence in a sentence and in numbers. */
export function Decisions({ decisions, open, onOpen }: Props) {
  if (decisions.length === 0) return <p class="muted">Nothing has been decided about this service yet.</p>
  return (
    <ol class="decisions" tabIndex={0} aria-label="Decisions">
      {decisions.slice(0, FIRST).map((d) => <One key={d.id} decision={d} open={d.id === open} onOpen={onOpen} />)}
      {decisions.length > FIRST && <li class="muted small">{decisions.length - FIRST} older ones: <code>sluice events</code>, or <code>GET decisions</code>.</li>}
    </ol>
  )
}

function One({ decision: d, open, onOpen }: { decision: Decision; open: boolean; onOpen: (id: string) => void }) {
  const item = useRef<HTMLLIElement>(null)
  useEffect(() => { if (open) item.current?.scrollIntoView({ block: 'nearest' }) }, [open])
  return (
    <li ref={item} data-decision={d.action}>
      <button type="button" class="entry" aria-expanded={open} onClick={() => onOpen(open ? '' : d.id)}>
        <Mark sign={signOfAction(d.action)} strong />
        <span class="sentence">{d.summary}</span>
        <time dateTime={d.time}>{moment(d.time)}</time>
      </button>
      {open && (
        <div class="body">
          <Weighed evidence={d.evidence} />
          <Facts of={{ version: d.version, ...(d.metric ? { metric: d.metric } : {}), ...d.evidence }} />
        </div>
      )}
    </li>
  )
}

/** Weighed is the evidence beside what condemns, where a decision has such a pair. */
function Weighed({ evidence: e }: { evidence: Record<string, unknown> }) {
  const v = (typeof e['verdict'] === 'object' && e['verdict'] !== null ? e['verdict'] : e) as Record<string, unknown>
  const pair: [unknown, unknown] = v['score'] !== undefined ? [v['score'], v['threshold']] : [v['evidence'], v['bound']]
  const [have, need] = pair
  if (typeof have !== 'number' || typeof need !== 'number' || !(need > 0)) return null
  return <p class="weighed">Evidence <b>{brief(have)}</b> against a bound of <b>{brief(need)}</b>.</p>
}

const brief = (n: number): string => n >= 1e6 ? n.toExponential(1).replace('e+', ' × 10^') : String(Number(n.toPrecision(4)))
