// A resource of the API that some part of the page shows: asked on a beat while it is
// shown, sooner when an event touches its service, kept for a while after.

import { useEffect } from 'preact/hooks'
import { call, Problem } from '../api/client'
import { Poller } from '../lib/poller'
import { Store, useStore } from '../lib/store'

/** Loaded is what is known of a resource: neither value nor error while it loads, both if the value is old. */
export interface Loaded<T> { value?: T; error?: Problem }

/** Shown is Loaded with a way to ask at once. */
export interface Shown<T> extends Loaded<T> { retry: () => void }

class Resource<T> {
  readonly store = new Store<Loaded<T>>({})
  users = 0
  used = 0
  private readonly poller: Poller
  private cancel: AbortController | undefined

  constructor(readonly path: string, readonly service: string, every: number) {
    this.poller = new Poller(() => this.load(), every)
  }

  enter(every: number): void {
    this.poller.beat(every)
    this.used = Date.now()
    if (this.users++ === 0) this.poller.start()
  }

  leave(): void {
    if (--this.users > 0) return
    this.poller.stop()
    this.cancel?.abort()
  }

  nudge(): void { this.poller.nudge() }

  private async load(): Promise<void> {
    const { signal } = this.cancel = new AbortController()
    try {
      this.store.set({ value: await call<T>(this.path, { signal }) })
    } catch (error) {
      if (error instanceof Problem && !signal.aborted) this.store.set({ value: error.status === 404 ? undefined : this.store.get().value, error })
    }
  }
}

const KEPT = 64 // resources that nobody shows
const resources = new Map<string, Resource<unknown>>()

function resourceOf<T>(path: string, service: string, every: number): Resource<T> {
  let found = resources.get(path) as Resource<T> | undefined
  if (!found) {
    found = new Resource<T>(path, service, every)
    resources.set(path, found as Resource<unknown>)
    forget()
  }
  return found
}

function forget(): void {
  const idle = [...resources.values()].filter((r) => r.users === 0).sort((a, b) => a.used - b.used)
  for (const r of idle.slice(0, Math.max(0, idle.length - KEPT))) resources.delete(r.path)
}

/** touch refreshes what is shown of a service; "" is everything. */
export function touch(service: string): void {
  for (const r of resources.values()) {
    if (r.users > 0 && (service === '' || r.service === '' || r.service === service)) r.nudge()
  }
}

const nothing = new Store<Loaded<never>>({})

/**
 * useResource shows path, asked anew every so many milliseconds and when an event names
 * service. null shows nothing.
 */
export function useResource<T>(path: string | null, every: number, service = ' '): Shown<T> {
  const resource = path === null ? undefined : resourceOf<T>(path, service, every)
  useEffect(() => {
    resource?.enter(every)
    return () => resource?.leave()
  }, [resource, every])
  return { ...useStore<Loaded<T>>(resource?.store ?? nothing as Store<Loaded<T>>), retry: () => resource?.nudge() }
}
