import type { ComparedField, Comparison } from '../api/types'
import { clock, count, plural, ratio } from '../lib/format'
import { Mark } from './shape'

/** Mirror is how the answers to mirrored requests differ from stable's own. */
export function Mirror({ comparison: c }: { comparison: Comparison }) {
  const fields = c.fields ?? []
  return (
    <div class="mirror">
      <p class="sentence">
        <Mark strong sign={c.reported ? { word: 'differs', shape: 'square', tone: 'bad' } : { word: 'no real difference', shape: 'check', tone: 'good' }} />{' '}
        {count(c.differing)} of {count(c.compared)} answers of {c.shadow} differ from {c.stable}'s ({ratio(c.rate)}); stable differs from itself in {ratio(c.noise)}.
        {c.reported && <> Beyond that noise: {ratio(c.difference)}, between {ratio(c.difference_low)} and {ratio(c.difference_high)}.</>}
      </p>
      {Object.keys(c.skipped ?? {}).length > 0 && <p class="muted small">Not compared: {Object.entries(c.skipped).map(([why, n]) => `${why.replaceAll('_', ' ')} ${count(n)}`).join(', ')}.</p>}
      {fields.map((f) => <Field key={f.path + f.kind} field={f} stable={c.stable} shadow={c.shadow} />)}
    </div>
  )
}

function Field({ field: f, stable, shadow }: { field: ComparedField; stable: string; shadow: string }) {
  return (
    <details class="group">
      <summary>
        <code>{f.path || f.kind}</code> <span class="muted">{f.kind.replaceAll('_', ' ')}</span>
        <span class="num">{count(f.count)}</span>
        <span class="num muted">noise {count(f.noise_count)}</span>
        {f.reported && <Mark sign={{ word: `${ratio(f.difference)} beyond noise`, shape: 'square', tone: 'bad' }} />}
      </summary>
      {f.examples === null && <p class="muted small">Examples hold answers: they are for operators.</p>}
      {f.examples && f.examples.length === 0 && <p class="muted small">No example is kept.</p>}
      {(f.examples ?? []).map((e, i) => (
        <div key={i} class="example">
          <p class="small"><code>{e.method} {e.path}</code> <span class="muted">{clock(e.at)} · {e.request_id}</span></p>
          <dl><div><dt>{stable}</dt><dd><code>{e.stable}</code></dd></div><div><dt>{shadow}</dt><dd><code>{e.shadow}</code></dd></div></dl>
        </div>
      ))}
      {(f.examples ?? []).length > 0 && <p class="muted small">{plural(f.examples!.length, 'example')}.</p>}
    </details>
  )
}
