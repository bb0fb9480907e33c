import type { PastRollout } from '../api/types'
import { moment, span } from '../lib/format'
import { signOfPhase } from '../state/words'
import { Mark } from './shape'

/** History is the rollouts that ended, newest first. */
export function History({ rollouts }: { rollouts: PastRollout[] }) {
  if (rollouts.length === 0) return <p class="muted">No rollout has ended yet.</p>
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Past rollouts">
      <table class="past">
        <thead><tr><th>Outcome</th><th>Version</th><th>Started</th><th class="num">Took</th><th>By</th><th>Reason</th></tr></thead>
        <tbody>
          {rollouts.map((r) => (
            <tr key={r.id}>
              <td><Mark sign={signOfPhase(r.outcome)} /></td><td>{r.from} → {r.canary}</td><td><time dateTime={r.started_at}>{moment(r.started_at)}</time></td>
              <td class="num">{span((Date.parse(r.ended_at) - Date.parse(r.started_at)) / 1000)}</td><td>{r.by}</td><td class="reasoncell">{r.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
