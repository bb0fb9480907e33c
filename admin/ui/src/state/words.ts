// How states are told: a word, a shape and a tone, never by colour alone.

import type { Phase, Service, State, Version } from '../api/types'

export type Tone = 'good' | 'info' | 'warn' | 'bad' | 'calm'
export type Shape = 'dot' | 'half' | 'ring' | 'triangle' | 'square' | 'diamond' | 'play' | 'pause' | 'check' | 'cross' | 'back' | 'bar'

export interface Sign { word: string; shape: Shape; tone: Tone }

const states: Record<State, Sign> = {
  active: { word: 'active', shape: 'dot', tone: 'good' },
  drain: { word: 'draining', shape: 'half', tone: 'info' },
  off: { word: 'off', shape: 'ring', tone: 'calm' },
  tripped: { word: 'tripped', shape: 'triangle', tone: 'bad' },
  quarantined: { word: 'quarantined', shape: 'square', tone: 'bad' },
}

export function signOfState(state: State): Sign {
  return states[state] ?? { word: state, shape: 'ring', tone: 'calm' }
}

const phases: Record<Phase, Sign> = {
  none: { word: 'no rollout yet', shape: 'ring', tone: 'calm' },
  checking: { word: 'checking', shape: 'play', tone: 'info' },
  running: { word: 'running', shape: 'play', tone: 'info' },
  waiting: { word: 'waiting', shape: 'diamond', tone: 'warn' },
  paused: { word: 'paused', shape: 'pause', tone: 'warn' },
  promoted: { word: 'promoted', shape: 'check', tone: 'good' },
  rolled_back: { word: 'rolled back', shape: 'back', tone: 'bad' },
  aborted: { word: 'aborted', shape: 'cross', tone: 'warn' },
  superseded: { word: 'superseded', shape: 'bar', tone: 'calm' },
  completed: { word: 'completed', shape: 'check', tone: 'good' },
}

export function signOfPhase(phase: Phase): Sign {
  return phases[phase] ?? { word: phase, shape: 'ring', tone: 'calm' }
}

const kinds: Record<string, Sign> = {
  trip: { word: 'trip', shape: 'triangle', tone: 'bad' },
  verdict: { word: 'verdict', shape: 'square', tone: 'bad' },
  rollback: { word: 'rollback', shape: 'back', tone: 'bad' },
  alert: { word: 'alert', shape: 'triangle', tone: 'warn' },
  restore: { word: 'restored', shape: 'check', tone: 'good' },
  promoted: { word: 'promoted', shape: 'check', tone: 'good' },
  started: { word: 'started', shape: 'play', tone: 'info' },
  stage: { word: 'stage', shape: 'play', tone: 'info' },
  approval: { word: 'approval', shape: 'diamond', tone: 'warn' },
  paused: { word: 'paused', shape: 'pause', tone: 'warn' },
  resumed: { word: 'resumed', shape: 'play', tone: 'info' },
  aborted: { word: 'aborted', shape: 'cross', tone: 'warn' },
  weights: { word: 'weights', shape: 'bar', tone: 'info' },
  state: { word: 'state', shape: 'half', tone: 'info' },
  reload: { word: 'reload', shape: 'bar', tone: 'calm' },
  endpoint: { word: 'endpoint', shape: 'half', tone: 'warn' },
  fault: { word: 'experiment', shape: 'diamond', tone: 'warn' },
  gap: { word: 'gap', shape: 'ring', tone: 'warn' },
  probe: { word: 'probe', shape: 'ring', tone: 'calm' },
  store: { word: 'state store', shape: 'bar', tone: 'warn' },
}

/** signOfKind is of an event's type. */
export function signOfKind(kind: string, suspicionOnly = false): Sign {
  const sign = kinds[kind] ?? { word: kind.replaceAll('_', ' '), shape: 'ring', tone: 'calm' }
  return suspicionOnly ? { word: 'suspicion', shape: 'diamond', tone: 'warn' } : sign
}

const actions: Record<string, Sign> = {
  cut: { word: 'cut', shape: 'triangle', tone: 'bad' },
  quarantine: { word: 'quarantined', shape: 'square', tone: 'bad' },
  rollback: { word: 'rolled back', shape: 'back', tone: 'bad' },
  switch_back: { word: 'switched back', shape: 'back', tone: 'bad' },
  restore: { word: 'restored', shape: 'check', tone: 'good' },
  promote: { word: 'promoted', shape: 'check', tone: 'good' },
  pause: { word: 'paused', shape: 'pause', tone: 'warn' },
  abort: { word: 'aborted', shape: 'cross', tone: 'warn' },
  alert: { word: 'alert', shape: 'triangle', tone: 'warn' },
  eject: { word: 'endpoint out', shape: 'half', tone: 'warn' },
}

/** signOfAction is of a decision. */
export function signOfAction(action: string): Sign {
  return actions[action] ?? { word: action.replaceAll('_', ' '), shape: 'ring', tone: 'calm' }
}

const gates: Record<string, string> = {
  approval: 'approval', window: 'its time window', hook: 'a hook', smoke_tests: 'smoke tests', preflight: 'preflight checks',
  endpoints: 'ready endpoints', evidence: 'evidence', trip: 'the trip to end', disk: 'the disk', standby: 'the standby to end',
}

/** waitingFor puts waiting_for in words. */
export function waitingFor(what: string | undefined): string {
  return what === undefined || what === '' ? '' : gates[what] ?? what.replaceAll('_', ' ')
}

/** live is whether a rollout of this phase can still move weights. */
export function live(phase: Phase | undefined): boolean {
  return phase === 'checking' || phase === 'running' || phase === 'waiting' || phase === 'paused'
}

/** canaryTraffic are versions besides stable that are meant to have traffic. */
export function canaryTraffic(s: Service): Version[] {
  return s.versions.filter((v) => v.name !== s.stable && v.weight > 0)
}
