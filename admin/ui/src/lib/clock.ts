import { now } from '../api/client'
import { Store, useStore } from './store'
import { visible } from './poller'

const seconds = new Store(Math.floor(Date.now() / 1000))

window.setInterval(() => { if (visible.get()) seconds.set(Math.floor(Date.now() / 1000)) }, 1000)

/** useNow is the server's time, anew each second while the page is visible. */
export function useNow(): number {
  useStore(seconds)
  return now()
}
