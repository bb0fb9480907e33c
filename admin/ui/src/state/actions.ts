// What a person can do, as the API does it.

import { call, ofService, Problem } from '../api/client'
import type { Rollout, Service, State, Verb } from '../api/types'
import { failure, toast } from '../parts/toast'
import { touchFleet } from './fleet'
import { touch } from './resource'
import { live } from './words'

interface Change { dryRun?: boolean; etag?: string; reason?: string; signal?: AbortSignal }

const query = (dryRun: boolean | undefined): string => dryRun ? '?dry_run=true' : ''

/** setWeights replaces the live weights, in percent by version. */
export function setWeights(service: string, weights: Record<string, number>, c: Change = {}): Promise<Service> {
  return call(ofService(service, `/weights${query(c.dryRun)}`), { method: 'PUT', body: { weights, reason: c.reason || undefined }, etag: c.etag, signal: c.signal })
}

/** setState sets a version's state; active releases a trip or a quarantine. */
export function setState(service: string, version: string, state: State, c: Change = {}): Promise<Service> {
  return call(ofService(service, `/versions/${encodeURIComponent(version)}/state${query(c.dryRun)}`), { method: 'PUT', body: { state, reason: c.reason || undefined }, etag: c.etag, signal: c.signal })
}

/** steer gives the rollout an order; id, stage and gate say which one, and where, is meant: a late approval must not pass the next gate. */
export function steer(service: string, verb: Verb, c: Change & { id?: string; stage?: string; gate?: string } = {}): Promise<Rollout> {
  const full = verb === 'promote_full'
  const body = { action: full ? 'promote' : verb, full: full || undefined, id: c.id || undefined, stage: c.stage || undefined, gate: c.gate || undefined, reason: c.reason || undefined }
  return call(ofService(service, `/rollout${query(c.dryRun)}`), { method: 'POST', body, etag: c.etag, signal: c.signal })
}

/** refresh shows what a change did, without waiting for its event. */
export function refresh(service: string): void {
  touch(service)
  touchFleet(service)
}

/** abortable is what abort would do to s: end its rollout, or take the traffic from what is tried by hand. */
export function abortable(s: Service): 'rollout' | 'weights' | undefined {
  if (s.rollout && live(s.rollout.phase) && s.rollout.can.includes('abort')) return 'rollout'
  const stable = s.versions.find((v) => v.name === s.stable)
  return stable && stable.weight < 100 ? 'weights' : undefined
}

const aborting = new Set<string>() // services: a second press while the first is under way is the same abort

/** abort sends all traffic to stable. It asks nothing: coming down must never wait. */
export async function abort(s: Service): Promise<void> {
  if (!abortable(s) || aborting.has(s.name)) return
  aborting.add(s.name)
  try {
    toast(await comeDown(s), `abort ${s.name}`)
  } catch (e) {
    failure(`${s.name}: not aborted: ${(e as Problem).message}`, `abort ${s.name}`, 'Try again', () => void abort(s))
  } finally {
    aborting.delete(s.name)
  }
  refresh(s.name)
}

/**
 * comeDown aborts what s shows, and says what came of it. If s is not how it is any more, it looks once:
 * another version may be stable by now, and the old one must not get the traffic.
 */
async function comeDown(s: Service, looked = false): Promise<string> {
  const how = abortable(s)
  if (!how) return `${s.name}: nothing left to abort, all traffic to ${s.stable}`
  try {
    if (how === 'rollout') await steer(s.name, 'abort', { reason: 'by the dashboard' })
    else await setWeights(s.name, { [s.stable]: 100 }, { etag: looked ? undefined : s.etag, reason: 'abort, by the dashboard' })
  } catch (e) {
    if (looked || !(e instanceof Problem) || e.status !== 409 && !e.stale) throw e
    return comeDown(await call<Service>(ofService(s.name)), true)
  }
  return how === 'rollout' ? `${s.name}: rollout aborted, all traffic to ${s.stable}` : `${s.name}: all traffic to ${s.stable}`
}
