import { Store, useStore } from '../lib/store'
import type { Tone } from '../state/words'

interface Toast { id: number; about: string; text: string; tone: Tone; label?: string; act?: () => void }

const toasts = new Store<readonly Toast[]>([])
let next = 1

const GOOD = 3 // at once, and as many failures

/** toast says that an action was done, for eight seconds. What was said before about the same is over. */
export function toast(text: string, about = ''): void {
  const id = show({ about, text, tone: 'good' })
  window.setTimeout(() => dismiss(id), 8000)
}

/** failure says that an action was not done, until it is dismissed or another word about the same comes; act is a way to go on. */
export function failure(text: string, about: string, label?: string, act?: () => void): void {
  show({ about, text, tone: 'bad', label, act })
}

function show(one: Omit<Toast, 'id'>): number {
  const id = next++
  const rest = toasts.get().filter((t) => one.about === '' || t.about !== one.about)
  const same = rest.filter((t) => t.tone === one.tone).slice(0, 1 - GOOD).map((t) => t.id) // too many: the oldest of a kind goes
  toasts.set([...rest.filter((t) => !same.includes(t.id)), { ...one, id }])
  return id
}

function dismiss(id: number): void { toasts.set(toasts.get().filter((t) => t.id !== id)) }

/** Toasts are the words on what was done, said when there is a pause, and on what was not, said at once. */
export function Toasts() {
  const all = useStore(toasts)
  return (
    <div class="toasts">
      {all.filter((t) => t.tone === 'bad').map((t) => <One key={t.id} toast={t} />)}
      <div role="status">{all.filter((t) => t.tone !== 'bad').map((t) => <One key={t.id} toast={t} />)}</div>
    </div>
  )
}

function One({ toast: t }: { toast: Toast }) {
  return (
    <div class={`toast ${t.tone}`} role={t.tone === 'bad' ? 'alert' : undefined}>
      <span>{t.text}</span>
      {t.label && <button type="button" onClick={() => { dismiss(t.id); t.act?.() }}>{t.label}</button>}
      <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(t.id)}>✕</button>
    </div>
  )
}
