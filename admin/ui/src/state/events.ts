// What happened, from the stream, and what an event sets in motion.

import { now } from '../api/client'
import { Stream } from '../api/stream'
import type { Happening } from '../api/types'
import { Store } from '../lib/store'
import { visible } from '../lib/poller'
import { touchFleet } from './fleet'
import { touch } from './resource'

const KEPT = 1000 // as many as the server keeps

/** happenings, newest first. */
export const happenings = new Store<readonly Happening[]>([])

/** streamLost is since when the stream is down, milliseconds; 0: it is not. */
export const streamLost = new Store(0)

/** announced is the last thing worth saying aloud. */
export const announced = new Store('')

const loud = new Set(['trip', 'restore', 'verdict', 'rollback', 'promoted', 'aborted', 'alert'])
const quiet = new Set(['probe', 'metric']) // nothing that is shown changes by them alone

let opened = 0 // by the server's clock

const stream = new Stream({
  up() {
    opened = now()
    if (streamLost.get() !== 0) { touch(''); touchFleet('') } // whatever was missed
    streamLost.set(0)
  },
  down() {
    if (streamLost.get() === 0) streamLost.set(Date.now())
  },
  events(batch) {
    happenings.set([...batch].reverse().concat(happenings.get()).slice(0, KEPT))
    const fresh = batch.filter((e) => Date.parse(e.time) > opened - 5000)
    for (const service of new Set(fresh.filter((e) => !quiet.has(e.type)).map((e) => e.service ?? ''))) {
      touch(service)
      touchFleet(service)
    }
    const news = fresh.filter((e) => loud.has(e.type)).at(-1)
    if (news) announced.set(news.service ? `${news.service}: ${news.message}` : news.message)
  },
})

/** retryStream ends the wait for the next attempt. */
export function retryStream(): void { stream.retry() }

const HIDDEN = 5_000 // a tab that is hidden for longer lets its stream go

/** watchEvents follows the stream while the page is visible, until what it returns is called. */
export function watchEvents(): () => void {
  let timer = 0
  const look = (): void => {
    window.clearTimeout(timer)
    if (visible.get()) stream.start()
    else timer = window.setTimeout(() => stream.stop(), HIDDEN)
  }
  const unwatch = visible.subscribe(look)
  look()
  return () => { unwatch(); window.clearTimeout(timer); stream.stop() }
}
