// All services, for the overview. An event asks anew for the services that it names, not
// for all, so that a large fleet costs what changes in it.

import { call, ofService, Problem } from '../api/client'
import type { FleetSeries, Service } from '../api/types'
import { Poller } from '../lib/poller'
import { Store } from '../lib/store'

export interface Fleet { services: Service[]; error?: Problem; loaded: boolean }

export const fleet = new Store<Fleet>({ services: [], loaded: false })

/** sparks is the last minutes of each service, coarse; empty where there is no history yet. */
export const sparks = new Store<ReadonlyMap<string, FleetSeries['services'][number]>>(new Map())

const ALONE = 6 // services that are asked for one by one
const dirty = new Set<string>()
let beat = 1500
let due = 0 // when all are to be asked for, whatever events say

const poller = new Poller(load, beat)
const sparkPoller = new Poller(loadSparks, 10_000)

async function load(): Promise<void> {
  const names = [...dirty]
  dirty.clear()
  const known = fleet.get()
  const some = known.loaded && names.length > 0 && names.length <= ALONE && names.length * 4 < known.services.length && performance.now() < due
  try {
    fleet.set(some ? await loadSome(known, names) : await loadAll())
  } catch (error) {
    if (error instanceof Problem) fleet.set({ ...fleet.get(), error })
  }
}

async function loadAll(): Promise<Fleet> {
  const { services } = await call<{ services: Service[] }>('api/v1/services')
  const n = services.length
  beat = n > 100 ? 5000 : n > 20 ? 3000 : 1500
  due = performance.now() + beat
  poller.beat(beat)
  return { services, loaded: true }
}

async function loadSome(known: Fleet, names: string[]): Promise<Fleet> {
  const fresh = new Map<string, Service>()
  await Promise.all(names.map(async (name) => {
    try {
      fresh.set(name, await call<Service>(ofService(name)))
    } catch (e) {
      if (!(e instanceof Problem) || e.status !== 404) throw e
    }
  }))
  return { services: known.services.map((s) => fresh.get(s.name) ?? s), loaded: true }
}

async function loadSparks(): Promise<void> {
  try {
    const { services } = await call<FleetSeries>('api/v1/series?window=5m')
    sparks.set(new Map(services.map((s) => [s.service, s])))
  } catch {
    // the figures beside them are there all the same
  }
}

/** watchFleet keeps fleet fresh until what it returns is called. */
export function watchFleet(): () => void {
  poller.start()
  sparkPoller.start()
  return () => { poller.stop(); sparkPoller.stop() }
}

/** touchFleet asks for a service anew; "" is all. */
export function touchFleet(service: string): void {
  if (service === '') due = 0
  else dirty.add(service)
  poller.nudge()
}
