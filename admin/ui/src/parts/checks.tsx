import type { ComponentChildren } from 'preact'
import type { Rollout, Shadow } from '../api/types'
import { clock, count, ms, plural, ratio } from '../lib/format'
import type { Sign } from '../state/words'
import { Arms } from './arms'
import { Mark } from './shape'

const ok: Sign = { word: 'ok', shape: 'check', tone: 'good' }
const bad: Sign = { word: 'failed', shape: 'cross', tone: 'bad' }
const warned: Sign = { word: 'warning', shape: 'triangle', tone: 'warn' }

/** Checks is what a rollout asked and was told: preflight, smoke tests, hooks. What failed is open. */
export function Checks({ rollout: r }: { rollout: Rollout }) {
  const { checks = [], smoke_tests: smoke = [], hooks = [] } = r
  return (
    <>
      <Group title="Preflight" n={checks.length} failed={checks.filter((c) => !c.ok && c.severity !== 'warning').length} warned={checks.filter((c) => !c.ok && c.severity === 'warning').length} word="check">
        {[...checks].sort((a, b) => Number(a.ok) - Number(b.ok)).map((c) => <tr key={c.name}><td><Mark sign={c.ok ? ok : c.severity === 'warning' ? warned : bad} /></td><td>{c.name.replaceAll('_', ' ')}</td><td>{c.message}</td></tr>)}
      </Group>
      <Group title="Smoke tests" n={smoke.length} failed={smoke.filter((s) => !s.ok).length} word="test">
        {smoke.map((s, i) => <tr key={i}><td><Mark sign={s.ok ? ok : bad} /></td><td>{s.name}<small>{s.endpoint}</small></td><td>{s.message || `status ${s.status ?? '–'}`} <span class="muted">{ms(s.took_ms)}</span></td></tr>)}
      </Group>
      <Group title="Hooks" n={hooks.length} failed={hooks.filter((h) => !h.ok).length} word="call">
        {[...hooks].reverse().map((h, i) => (
          <tr key={i}>
            <td><Mark sign={h.ok ? ok : bad} /></td>
            <td>{h.name}<small>{h.point.replaceAll('_', ' ')}{h.stage ? ` · ${h.stage}` : ''}</small></td>
            <td>{h.message || `status ${h.status ?? '–'}`} <span class="muted">{clock(h.time)} · {ms(h.took_ms)}{h.attempts > 1 ? ` · ${plural(h.attempts, 'attempt')}` : ''}</span></td>
          </tr>
        ))}
      </Group>
      {r.results && r.results.length > 0 && <Arms arms={r.results} order={[r.from, r.canary]} />}
      {r.shadow && <ShadowLine shadow={r.shadow} />}
    </>
  )
}

function Group({ title, n, failed, warned: warnings = 0, word, children }: { title: string; n: number; failed: number; warned?: number; word: string; children: ComponentChildren }) {
  if (n === 0) return null
  return (
    <details class="group" open={failed > 0}>
      <summary>{title} <span class="muted">{plural(n, word)}</span> {told(failed, warnings)}</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label={title}><table class="stack"><tbody>{children}</tbody></table></div>
    </details>
  )
}

function told(failed: number, warnings: number) {
  if (failed > 0) return <Mark sign={{ ...bad, word: `${failed} failed` }} />
  return <Mark sign={warnings > 0 ? { ...warned, word: plural(warnings, 'warning') } : { ...ok, word: 'all ok' }} />
}

function ShadowLine({ shadow: s }: { shadow: Shadow }) {
  return (
    <p class="sentence" data-shadow>
      {count(s.differing)} of {count(s.compared)} compared answers differ; {ratio(s.difference)} beyond the {ratio(s.noise)} by which stable differs from itself.
      {' '}{s.reported ? <Mark sign={{ ...bad, word: 'a real difference' }} /> : <Mark sign={{ ...ok, word: 'within the noise' }} />}
    </p>
  )
}
