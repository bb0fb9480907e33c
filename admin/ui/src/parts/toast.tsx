import { Store, useStore } from '../lib/store'
import type { Tone } from '../state/words'

interface Toast { id: number; text: string; tone: Tone; label?: string; act?: () => void }

const toasts = new Store<readonly Toast[]>([])
let next = 1

/** toast says what came of an action, for eight seconds; act is a way to go on. */
export function toast(text: string, tone: Tone = 'good', label?: string, act?: () => void): void {
  const id = next++
  toasts.set([...toasts.get().slice(-3), { id, text, tone, label, act }])
  window.setTimeout(() => dismiss(id), 8000)
}

function dismiss(id: number): void { toasts.set(toasts.get().filter((t) => t.id !== id)) }

export function Toasts() {
  return (
    <div class="toasts" role="status">
      {useStore(toasts).map((t) => (
        <div key={t.id} class={`toast ${t.tone}`}>
          <span>{t.text}</span>
          {t.label && <button type="button" onClick={() => { dismiss(t.id); t.act?.() }}>{t.label}</button>}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(t.id)}>✕</button>
        </div>
      ))}
    </div>
  )
}
