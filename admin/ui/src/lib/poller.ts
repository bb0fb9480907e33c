// When the page asks the server: on its own beat, sooner when something happened, never
// more than four times a second, never while nobody looks.

import { Store } from './store'

const GAP = 250 // milliseconds between two refreshes at least
const PATIENCE = 8 // a refresh that costs the main thread 100 ms is not followed by another within 800

/** visible is whether anybody can see the page. */
export const visible = new Store(!document.hidden)
document.addEventListener('visibilitychange', () => visible.set(!document.hidden))

/** Poller calls load on a beat while it is started and the page is visible. load never throws. */
export class Poller {
  private timer = 0
  private busy = false
  private again = false
  private earliest = 0
  private running = false
  private unwatch: (() => void) | undefined

  constructor(private readonly load: () => Promise<void>, private every: number) {}

  start(): void {
    if (this.running) return
    this.running = true
    this.unwatch = visible.subscribe(() => visible.get() ? this.nudge() : this.clear())
    this.nudge()
  }

  stop(): void {
    this.running = false
    this.unwatch?.()
    this.clear()
  }

  /** beat changes the interval, in milliseconds. */
  beat(every: number): void { this.every = every }

  /** nudge asks for a refresh as soon as the pace allows. */
  nudge(): void {
    if (!this.running || !visible.get()) return
    if (this.busy) this.again = true
    else this.schedule(0)
  }

  private schedule(delay: number): void {
    this.clear()
    this.timer = window.setTimeout(() => void this.fire(), Math.max(delay, this.earliest - performance.now()))
  }

  private clear(): void { window.clearTimeout(this.timer) }

  private async fire(): Promise<void> {
    this.busy = true
    this.again = false
    const began = performance.now()
    await this.load()
    const shown = performance.now()
    await new Promise((done) => setTimeout(done)) // what the answer made the page draw
    const cost = performance.now() - shown
    this.earliest = Math.max(began + GAP, performance.now() + cost * PATIENCE)
    this.busy = false
    if (this.running && visible.get()) this.schedule(this.again ? 0 : this.every - (performance.now() - began))
  }
}
