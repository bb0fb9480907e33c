import { count, moment, ms, ratio } from '../lib/format'

/** Facts is evidence as numbers: whatever a decision stands on, under its own names. */
export function Facts({ of, depth = 0 }: { of: Record<string, unknown>; depth?: number }) {
  const entries = Object.entries(of).filter(([, v]) => v !== null && v !== undefined && v !== '')
  const plain = entries.filter(([, v]) => typeof v !== 'object')
  const nested = entries.filter(([, v]) => typeof v === 'object')
  return (
    <div class="facts">
      {plain.length > 0 && (
        <dl>{plain.map(([k, v]) => <div key={k}><dt>{words(k)}</dt><dd>{value(k, v)}</dd></div>)}</dl>
      )}
      {nested.map(([k, v]) => (
        <details key={k} open={depth === 0 && k === 'verdict'}>
          <summary>{words(k)}</summary>
          {Array.isArray(v) ? <List items={v} depth={depth} /> : <Facts of={v as Record<string, unknown>} depth={depth + 1} />}
        </details>
      ))}
    </div>
  )
}

function List({ items, depth }: { items: unknown[]; depth: number }) {
  if (items.every((i) => typeof i !== 'object' || i === null)) return <p class="small mono">{items.map(String).join(' ')}</p>
  return <ol class="list">{items.map((i, n) => <li key={n}><Facts of={i as Record<string, unknown>} depth={depth + 1} /></li>)}</ol>
}

const words = (key: string): string => key.replace(/_ms$|_s$/, '').replaceAll('_', ' ')

function value(key: string, v: unknown): string {
  if (typeof v === 'boolean') return v ? 'yes' : 'no'
  if (typeof v === 'string') return /^\d{4}-\d\d-\d\dT/.test(v) ? moment(v) : v
  if (typeof v !== 'number') return String(v)
  if (key.endsWith('_ms')) return ms(v)
  if (/(^|_)(rate|noise|difference)$/.test(key) && v >= 0 && v <= 1) return ratio(v)
  if (Number.isInteger(v)) return count(v)
  return Math.abs(v) >= 1000 ? count(v) : String(Number(v.toPrecision(4)))
}
