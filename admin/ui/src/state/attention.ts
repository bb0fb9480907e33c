// What a person should look at first.

import type { Service, Version } from '../api/types'
import { plural } from '../lib/format'
import { canaryTraffic, live, type Sign, waitingFor } from './words'

/** Attention is why a service stands where it does in the list; rank 0 asks for none. */
export interface Attention extends Sign { rank: number }

const none: Attention = { rank: 0, word: '', shape: 'dot', tone: 'calm' }

const judged = new WeakMap<Service, Attention>() // a service that did not change is not looked at again

/** attentionOf is the most urgent thing about s. */
export function attentionOf(s: Service): Attention {
  let found = judged.get(s)
  if (!found) {
    found = urgent(s)
    judged.set(s, found)
  }
  return found
}

function urgent(s: Service): Attention {
  let most = rolloutOf(s)
  for (const v of s.versions) {
    const one = versionOf(s, v)
    if (one.rank > most.rank) most = one
  }
  return most
}

function versionOf(s: Service, v: Version): Attention {
  if (v.state === 'quarantined') return { rank: 100, word: `${v.name} quarantined`, shape: 'square', tone: 'bad' }
  if (v.state === 'tripped') return { rank: 95, word: `${v.name} tripped`, shape: 'triangle', tone: 'bad' }
  if (v.evidence.standing === 'breach') {
    return { rank: 90, word: `${v.name} breaches${v.evidence.metric ? ` ${v.evidence.metric.replaceAll('_', ' ')}` : ''}`, shape: 'square', tone: 'bad' }
  }
  const down = v.endpoints.filter((e) => !e.healthy || e.ejected).length
  if (down > 0 && (v.weight > 0 || v.name === s.stable)) {
    return { rank: down === v.endpoints.length ? 85 : 50, word: `${down} of ${plural(v.endpoints.length, 'endpoint')} of ${v.name} out`, shape: 'half', tone: 'warn' }
  }
  if (v.evidence.standing === 'suspicious') return { rank: 60, word: `${v.name} suspicious`, shape: 'diamond', tone: 'warn' }
  if (v.evidence.standing === 'environment') return { rank: 40, word: `${v.name} and stable both fail`, shape: 'diamond', tone: 'warn' }
  return none
}

function rolloutOf(s: Service): Attention {
  const r = s.rollout
  if (!r || !live(r.phase)) return none
  if (r.waiting_for === 'approval') {
    return { rank: 80, word: r.gate === 'promotion' ? 'promotion waits for approval' : `${r.stage_name || 'stage'} waits for approval`, shape: 'diamond', tone: 'warn' }
  }
  if (r.phase === 'paused') return { rank: 70, word: 'rollout paused', shape: 'pause', tone: 'warn' }
  if (r.phase === 'waiting' && r.waiting_for !== 'evidence') {
    return { rank: 30, word: `waits for ${waitingFor(r.waiting_for)}`, shape: 'diamond', tone: 'warn' }
  }
  return none
}

/** moving is whether a rollout runs, or somebody is trying a version by hand. */
export function moving(s: Service): boolean {
  return live(s.rollout?.phase) || canaryTraffic(s).some((v) => v.share > 0)
}
