// The event stream (WHATWG HTML 9.2), read by fetch: EventSource hides refusals and
// wants every type of event named beforehand.

import { address, lose, met, unauthorised } from './client'
import type { Happening } from './types'

/** Listener of a stream. */
export interface Listener {
  events(batch: Happening[]): void
  up(): void
  down(): void
}

const SILENCE = 40_000 // the server says something every 15 s
const SLOWEST = 8_000

/** Stream follows the journal and comes back after a break with what it missed. */
export class Stream {
  private last = 0
  private stopped: AbortController | undefined
  private hurry: (() => void) | undefined

  constructor(private readonly listener: Listener) {}

  /** start begins, or goes on after stop where it was. */
  start(): void {
    if (this.stopped) return
    const stopped = new AbortController()
    this.stopped = stopped
    void this.run(stopped.signal)
  }

  stop(): void {
    this.stopped?.abort()
    this.stopped = undefined
  }

  /** retry ends the wait for the next attempt. */
  retry(): void { this.hurry?.() }

  private async run(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.read(signal, () => { failures = 0 })
      } catch {
        // refused, broken or silent: all the same, it is tried again
      }
      if (signal.aborted) return
      this.listener.down()
      failures++
      await this.wait(Math.min(SLOWEST, 500 * 2 ** (failures - 1)) * (0.75 + Math.random() / 2), signal)
    }
  }

  private wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((done) => {
      const end = (): void => { clearTimeout(timer); signal.removeEventListener('abort', end); this.hurry = undefined; done() }
      const timer = setTimeout(end, ms)
      signal.addEventListener('abort', end)
      this.hurry = end
    })
  }

  private async read(signal: AbortSignal, opened: () => void): Promise<void> {
    const silent = new AbortController()
    let watch = setTimeout(() => silent.abort(), SILENCE)
    try {
      const response = await this.open(AbortSignal.any([signal, silent.signal]))
      opened()
      this.listener.up()
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      let rest = ''
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        clearTimeout(watch)
        watch = setTimeout(() => silent.abort(), SILENCE)
        rest = this.take(rest + value)
      }
    } finally {
      clearTimeout(watch)
    }
  }

  private async open(signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    if (this.last > 0) headers['Last-Event-ID'] = String(this.last)
    let response: Response
    try {
      response = await fetch(address('api/v1/events?since=0'), { headers, signal, cache: 'no-store', credentials: 'same-origin' })
    } catch (e) {
      if (!signal.aborted) lose()
      throw e
    }
    if (response.status === 401) unauthorised.set(unauthorised.get() + 1)
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
    met(response)
    return response
  }

  /** take hands over the whole events in text, and returns what is left. */
  private take(text: string): string {
    const blocks = text.split('\n\n')
    const rest = blocks.pop() ?? ''
    const batch: Happening[] = []
    for (const block of blocks) {
      const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5)).join('\n')
      if (!data) continue
      try {
        const event = JSON.parse(data) as Happening
        if (event.id) this.last = event.id
        batch.push(event)
      } catch {
        // not ours
      }
    }
    if (batch.length > 0) this.listener.events(batch)
    return rest
  }
}
