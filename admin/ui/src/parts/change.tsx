// What every dialog that changes something shares: a preview by dry run, a reason, the
// button that does it, and what to do when somebody was faster.

import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Problem } from '../api/client'
import { Glyph } from './shape'

/** Preview is what a dry run said: a value, a problem, or nothing yet. */
export interface Preview<T> { value?: T; problem?: Problem }

/** usePreview dry-runs again whenever key is another, a moment after the last change. ask null: nothing to ask. */
export function usePreview<T>(key: string, ask: ((signal: AbortSignal) => Promise<T>) | null): Preview<T> {
  const [preview, setPreview] = useState<Preview<T> & { key: string }>({ key: '' })
  useEffect(() => {
    if (!ask) return
    const stop = new AbortController()
    const timer = setTimeout(() => {
      ask(stop.signal).then((value) => setPreview({ key, value }), (e: unknown) => {
        if (e instanceof Problem) setPreview({ key, problem: e })
      })
    }, 150)
    return () => { clearTimeout(timer); stop.abort() }
  }, [key])
  return preview.key === key && ask ? preview : {}
}

/** Conflict says that the service is not what the dialog was opened on. */
export function Conflict({ by, onReload }: { by: string; onReload: () => void }) {
  return (
    <div class="conflict" role="alert">
      <Glyph shape="triangle" />
      <span><strong>Somebody was faster.</strong> {by || 'The service changed since this was opened'}. Nothing was changed by you.</span>
      <button type="button" onClick={onReload}>Show how it is now</button>
    </div>
  )
}

interface Footer { label: string; unfocused?: boolean; ready: boolean; danger?: boolean; onClose: () => void; act: (reason: string) => Promise<void>; onStale: () => void; children?: ComponentChildren }

/** Confirm is the reason, Cancel and the button that does it. */
export function Confirm({ label, ready, danger, unfocused, onClose, act, onStale, children }: Footer) {
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const submit = async (e: Event): Promise<void> => {
    e.preventDefault()
    setBusy(true)
    setProblem(undefined)
    try {
      await act(reason)
      onClose()
    } catch (error) {
      setBusy(false)
      if (error instanceof Problem && error.stale) onStale()
      else setProblem(error instanceof Problem ? error : new Problem(0, 'error', String(error)))
    }
  }
  return (
    <form class="confirm" onSubmit={(e) => void submit(e)}>
      {children}
      <label class="reason"><span>Reason <span class="muted">(optional, kept with the change)</span></span>
        <input type="text" autofocus={!unfocused} maxLength={500} value={reason} onInput={(e) => setReason(e.currentTarget.value)} />
      </label>
      {problem && <p class="fault" role="alert">{problem.message}</p>}
      <div class="buttons">
        <button type="button" onClick={onClose}>Cancel</button>
        <button type="submit" class={danger ? 'danger' : 'primary'} disabled={!ready || busy}>{busy ? 'Working…' : label}</button>
      </div>
    </form>
  )
}
