import { useEffect, useState } from 'preact/hooks'
import type { Session } from './api/types'
import { useKeys } from './lib/keys'
import { route, toAPI, toDelivery, toOverview } from './lib/route'
import { useStore } from './lib/store'
import { API } from './pages/api'
import { Delivery } from './pages/delivery'
import { Overview } from './pages/overview'
import { ServicePage } from './pages/service'
import { SignIn } from './pages/signin'
import { Banner, Pulse } from './parts/banner'
import { Help } from './parts/help'
import { failure, Toasts } from './parts/toast'
import { announced, watchEvents } from './state/events'
import { learn, refused, session, signOut } from './state/session'

/** App is the whole page: a session first, then what the address names. */
export function App() {
  const who = useStore(session)
  useEffect(() => void learn(), [])
  if (!who) return <Unknown />
  if (who.role === '') return <SignIn />
  return <Signed who={who} />
}

/** Unknown is shown until the server said who we are. */
function Unknown() {
  const why = useStore(refused)
  useEffect(() => {
    if (!why) return
    let timer: number | undefined
    const again = (): void => { timer = window.setTimeout(() => void learn().then(() => { if (timer) again() }), 2000) } // why may stay the same
    again()
    return () => { window.clearTimeout(timer); timer = undefined }
  }, [why !== ''])
  return (
    <main class="alone">
      {why
        ? <div class="empty" role="alert"><h1>sluice does not answer</h1><p>{why}. Trying again every two seconds.</p></div>
        : <p class="muted" role="status">Loading…</p>}
    </main>
  )
}

function Signed({ who }: { who: Session }) {
  const where = useStore(route)
  const [help, setHelp] = useState(false)
  useEffect(() => watchEvents(), [])
  useKeys({ '?': () => setHelp(true), g: () => { location.hash = toOverview }, d: () => { location.hash = toDelivery } })
  const title = where.page === 'service' ? `${where.name} · sluice` : 'sluice'
  useEffect(() => { document.title = title }, [title])
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus() }}>Skip to content</a>
      <header class="top">
        <a class="brand" href={toOverview}><Logo />sluice</a>
        <nav aria-label="Pages">
          <a href={toOverview} aria-current={where.page === 'overview' ? 'page' : undefined}>Services</a>
          <a href={toDelivery} aria-current={where.page === 'delivery' ? 'page' : undefined}>Delivery</a>
          <a href={toAPI} aria-current={where.page === 'api' ? 'page' : undefined}>API</a>
        </nav>
        <span class="grow" />
        <Pulse />
        <span class="who" title={who.needed ? `signed in as ${who.name}` : 'no token is configured: whoever reaches this address is admin'}>
          {who.needed ? `${who.name} · ` : ''}{who.role}
        </span>
        {who.needed && <button type="button" class="quiet" onClick={() => signOut().catch((e: Error) => failure(`Not signed out: ${e.message}`, 'sign out'))}>Sign out</button>}
        <button type="button" class="quiet key" aria-label="Keyboard shortcuts" onClick={() => setHelp(true)}>?</button>
      </header>
      <Banner />
      <main id="main" tabIndex={-1}>
        {where.page === 'overview' && <Overview />}
        {where.page === 'service' && <ServicePage key={where.name} name={where.name} />}
        {where.page === 'delivery' && <Delivery />}
        {where.page === 'api' && <API />}
      </main>
      <div class="hidden" role="log" aria-live="polite">{useStore(announced)}</div>
      <Toasts />
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  )
}

function Logo() {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true" class="logo">
      <path d="M6 9V3M10 9V3M14 9V3M4.5 6h11" /><path d="M3 13.2c2 0 2-1.4 4-1.4s2 1.4 4 1.4 2-1.4 4-1.4M3 17c2 0 2-1.4 4-1.4S9 17 11 17s2-1.4 4-1.4" />
    </svg>
  )
}
