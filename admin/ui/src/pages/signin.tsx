import { useEffect, useRef, useState } from 'preact/hooks'
import { Problem } from '../api/client'
import { signIn } from '../state/session'

/** SignIn takes a token of admin.tokens. */
export function SignIn() {
  const [token, setToken] = useState('')
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => { document.title = 'Sign in · sluice'; field.current?.focus() }, [])
  const submit = async (e: Event): Promise<void> => {
    e.preventDefault()
    setBusy(true)
    try {
      await signIn(token.trim())
    } catch (error) {
      const p = error as Problem
      setFault(p.status === 401 ? 'This token is not known here.' : p.message)
      setBusy(false)
      field.current?.select()
    }
  }
  return (
    <main class="alone">
      <form class="signin" onSubmit={(e) => void submit(e)}>
        <h1>sluice</h1>
        <p class="muted">Sign in with a token of <code>admin.tokens</code>. Its role decides what you can do here.</p>
        <label for="token">Token</label>
        <input id="token" ref={field} type="password" autocomplete="current-password" required value={token} aria-invalid={fault !== ''}
          aria-describedby={fault ? 'fault' : undefined} onInput={(e) => setToken(e.currentTarget.value)} />
        {fault && <p id="fault" class="fault" role="alert">{fault}</p>}
        <button type="submit" class="primary" disabled={busy || token.trim() === ''}>{busy ? 'Signing in…' : 'Sign in'}</button>
      </form>
    </main>
  )
}
