import { useState } from 'preact/hooks'
import { call, ofService } from '../api/client'
import type { Service } from '../api/types'
import { clock, percent } from '../lib/format'
import { refresh, setWeights } from '../state/actions'
import { Confirm, Conflict, usePreview } from './change'
import { Dialog } from './dialog'
import { hue } from './sharebar'
import { toast } from './toast'

type Weights = Record<string, number>

const of = (s: Service): Weights => Object.fromEntries(s.versions.map((v) => [v.name, v.weight]))
const round = (n: number): number => Math.round(n * 100) / 100

/** WeightsDialog changes the live weights: what would come of it is shown before anything does. */
export function WeightsDialog({ service: opened, onClose }: { service: Service; onClose: () => void }) {
  const [base, setBase] = useState(opened)
  const [weights, setValues] = useState<Weights>(() => of(opened))
  const [stale, setStale] = useState<Service>()
  const sum = round(Object.values(weights).reduce((a, b) => a + b, 0))
  const changed = base.versions.some((v) => weights[v.name] !== v.weight)
  const preview = usePreview(JSON.stringify(weights) + base.etag, sum === 100 && changed ? (signal) => setWeights(base.name, weights, { dryRun: true, etag: base.etag, signal }) : null)
  const first = base.versions.find((v) => v.name !== base.stable)?.name ?? base.stable
  const faster = stale !== undefined || preview.problem?.stale === true
  const look = async (): Promise<void> => {
    const fresh = await call<Service>(ofService(base.name)).catch(() => undefined)
    if (fresh) { setBase(fresh); setValues(of(fresh)); setStale(undefined) }
  }
  const apply = async (reason: string): Promise<void> => {
    await setWeights(base.name, weights, { etag: base.etag, reason })
    toast(`${base.name}: ${base.versions.map((v) => `${v.name} ${percent(weights[v.name] ?? 0)}`).join(', ')}`)
    refresh(base.name)
  }
  return (
    <Dialog title={`Weights of ${base.name}`} onClose={onClose}>
      <div class="weights">
        {base.versions.map((v, i) => (
          <div key={v.name} class={`one ${hue(i)}`}>
            <label for={`w-${i}`}><i class={`swatch ${hue(i)}`} />{v.name}</label>
            <input type="range" min={0} max={100} step={1} aria-label={`Weight of ${v.name}, slider`} value={weights[v.name]} onInput={(e) => setValues(moved(base, weights, v.name, Number(e.currentTarget.value)))} />
            <input id={`w-${i}`} type="number" autofocus={v.name === first} min={0} max={100} step={0.01} inputMode="decimal" value={weights[v.name]} onInput={(e) => setValues(moved(base, weights, v.name, Number(e.currentTarget.value)))} />
            <span class="muted">%</span>
            <span class="num small muted">{after(preview.value, v.name, v.share)}</span>
          </div>
        ))}
      </div>
      {sum !== 100 && <p class="fault">The weights sum to {percent(sum)}; they must be 100 %.</p>}
      {!faster && preview.problem && <p class="fault" role="alert">{preview.problem.message}</p>}
      {faster && <Conflict by={stale?.set_by ? `${stale.set_by} changed it at ${clock(stale.set_at ?? '')}` : ''} onReload={() => void look()} />}
      <Confirm label="Apply weights" unfocused ready={changed && sum === 100 && preview.value !== undefined && !faster} onClose={onClose} act={apply}
        onStale={() => void call<Service>(ofService(base.name)).then(setStale, () => setStale(base))} />
    </Dialog>
  )
}

/** after is a version's share now and, once the preview is there, then. */
function after(preview: Service | undefined, name: string, now: number): string {
  const then = preview?.versions.find((v) => v.name === name)?.share
  return then === undefined || then === now ? `gets ${percent(now)}` : `gets ${percent(now)} → ${percent(then)}`
}

/** moved gives one version a weight, and takes it from stable first, then from the others in turn. */
export function moved(s: Service, weights: Weights, name: string, to: number): Weights {
  const value = round(Math.max(0, Math.min(100, Number.isFinite(to) ? to : 0)))
  const next: Weights = { ...weights, [name]: value }
  let over = round(Object.values(next).reduce((a, b) => a + b, 0) - 100)
  const others = s.versions.map((v) => v.name).filter((n) => n !== name).sort((a, b) => Number(b === s.stable) - Number(a === s.stable))
  for (const other of others) {
    const now = next[other] ?? 0
    const then = round(Math.max(0, Math.min(100, now - over)))
    over = round(over - (now - then))
    next[other] = then
  }
  return next
}
