// Who looks, and what they may do. The token itself is never kept: the cookie that
// the server sets for it can't be read by scripts.

import { call, Problem, unauthorised } from '../api/client'
import type { Role, Session } from '../api/types'
import { Store } from '../lib/store'

/** session is undefined until the server said. */
export const session = new Store<Session | undefined>(undefined)

/** refused is why the page has no session although it asked. */
export const refused = new Store('')

/** learn asks who we are. */
export async function learn(): Promise<void> {
  try {
    session.set(await call<Session>('session'))
    refused.set('')
  } catch (e) {
    refused.set((e as Problem).message)
  }
}

/** signIn begins a session. The page is loaded anew: nothing of whoever was here before is left in it. */
export async function signIn(token: string): Promise<void> {
  await call<Session>('session', { method: 'POST', body: { token } })
  location.reload()
}

/** signOut ends it, and takes all that was shown out of the page. */
export async function signOut(): Promise<void> {
  await call('session', { method: 'DELETE' })
  location.reload()
}

const rank: Record<Role | '', number> = { '': 0, viewer: 1, operator: 2, admin: 3 }

/** may is whether the session has at least this role. The server decides; this only spares clicks. */
export function may(s: Session | undefined, role: Role): boolean {
  return s !== undefined && rank[s.role] >= rank[role]
}

unauthorised.subscribe(() => {
  const s = session.get()
  if (s && s.role !== '') void learn() // it ended: the token left, or time is up
})
