import type { Rollout, Stage } from '../api/types'
import { useNow } from '../lib/clock'
import { count, moment, percent, span } from '../lib/format'
import { live, type Shape, signOfPhase, type Tone, waitingFor } from '../state/words'
import { Glyph, Mark } from './shape'

const stages: Record<Stage['state'], { shape: Shape; tone: Tone; word: string }> = {
  pending: { shape: 'ring', tone: 'calm', word: 'to come' },
  entering: { shape: 'diamond', tone: 'info', word: 'entering' },
  running: { shape: 'play', tone: 'info', word: 'running' },
  passed: { shape: 'check', tone: 'good', word: 'passed' },
  failed: { shape: 'square', tone: 'bad', word: 'failed' },
  skipped: { shape: 'bar', tone: 'calm', word: 'skipped' },
}

/** Path is a rollout as the way it has to go: its stages, where it stands, why, and until when. */
export function Path({ rollout: r }: { rollout: Rollout }) {
  const now = useNow()
  const sign = signOfPhase(r.phase)
  return (
    <div class="path" data-phase={r.phase} data-waiting={r.waiting_for ?? ''}>
      <div class="stands">
        <Mark sign={sign} strong />
        <span class="what">{r.strategy.replaceAll('_', ' ')} of <strong>{r.canary}</strong> from {r.from}</span>
        <span class="muted small">by {r.by} · {moment(r.started_at)}{r.ended_at ? ` – ${moment(r.ended_at)}` : ''}</span>
        <Until rollout={r} now={now} />
      </div>
      <p class="sentence" data-reason>{r.reason}</p>
      {r.stages.length > 0 && (
        <ol class="stages" tabIndex={0} aria-label="Stages">
          {r.stages.map((s, i) => <Step key={i} stage={s} current={i === r.stage && live(r.phase)} over={!live(r.phase)} gate={r.gate === `stage:${s.name}`} />)}
          <li class={`step end ${r.phase === 'promoted' || r.phase === 'completed' ? 'passed' : 'pending'}${r.gate === 'promotion' ? ' current' : ''}`}>
            <span class="node"><Glyph shape={r.phase === 'promoted' || r.phase === 'completed' ? 'check' : r.gate === 'promotion' ? 'diamond' : 'ring'} /></span>
            <span class="label"><b>{r.strategy === 'shadow' ? 'report' : 'stable'}</b><small>{r.phase === 'promoted' ? 'promoted' : r.gate === 'promotion' ? 'waits for approval' : ''}</small></span>
          </li>
        </ol>
      )}
    </div>
  )
}

function Until({ rollout: r, now }: { rollout: Rollout; now: number }) {
  const left = (at: string): number => (Date.parse(at) - now) / 1000
  if (r.deadline_at && left(r.deadline_at) > 0) return <span class="muted small">waits for {waitingFor(r.waiting_for)} for {span(left(r.deadline_at))} at most</span>
  if (r.standby_until && left(r.standby_until) > 0) return <span class="muted small">{r.from} stands by for {span(left(r.standby_until))}</span>
  return null
}

function Step({ stage: s, current, over, gate }: { stage: Stage; current: boolean; over: boolean; gate: boolean }) {
  const sign = stages[s.state] ?? stages.pending
  const part = Math.min(time(s), requests(s))
  return (
    <li class={`step ${s.state}${current ? ' current' : ''}`} aria-current={current ? 'step' : undefined} data-stage={s.name} data-state={s.state}>
      <span class={`node ${gate ? 'warn' : sign.tone}`}><Glyph shape={gate ? 'diamond' : sign.shape} /></span>
      <span class="label">
        <span><b>{s.name}</b> <span class="weight">{percent(s.weight)}</span>{s.approval && s.state === 'pending' && !gate && <em class="tag" title="needs approval to enter">approval</em>}</span>
        <small>{gate ? 'waits for approval' : over && s.state === 'pending' ? 'not reached' : sign.word}{s.state === 'passed' ? ` in ${span(s.spent_s)}, ${count(s.requests)} requests` : s.state === 'pending' && s.duration_s > 0 && !over ? `, ${span(s.duration_s)}` : ''}</small>
      </span>
      {(s.state === 'running' || s.state === 'failed') && (
        <span class="progress">
          {(s.duration_s > 0 || s.min_requests > 0) && <span class="track" role="progressbar" aria-label={`Progress of ${s.name}`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part * 100)}><span class="fill" style={{ width: `${part * 100}%` }} /></span>}
          <small>{s.duration_s > 0 ? `${span(s.spent_s)} of ${span(s.duration_s)} · ` : ''}{count(s.requests)}{s.min_requests > 0 ? ` of ${count(s.min_requests)}` : ''} requests</small>
        </span>
      )}
    </li>
  )
}

const time = (s: Stage): number => s.duration_s > 0 ? Math.min(1, s.spent_s / s.duration_s) : 1
const requests = (s: Stage): number => s.min_requests > 0 ? Math.min(1, s.requests / s.min_requests) : 1
