// What the admin API answers; openapi.json is its description.

export type Role = 'viewer' | 'operator' | 'admin'
export type State = 'active' | 'drain' | 'off' | 'tripped' | 'quarantined'
export type Phase =
  | 'none' | 'checking' | 'running' | 'waiting' | 'paused'
  | 'promoted' | 'rolled_back' | 'aborted' | 'superseded' | 'completed'
export type Verb = 'start' | 'pause' | 'resume' | 'promote' | 'promote_full' | 'abort' | 'retry' | 'undo'

export interface Session { role: Role | ''; name: string; needed: boolean; version: string }

export interface Counts { requests: number; failed: number }

export interface Evidence {
  standing: 'inconclusive' | 'suspicious' | 'environment' | 'breach'
  m: number; bound: number; metric?: string; threshold?: string; since?: string
  canary: Counts; stable: Counts; effect: number; summary?: string
}

export interface Promotion {
  ready: boolean; m: number; bound: number; metric?: string; threshold?: string
  requests: number; missing: number; summary: string
}

export interface Endpoint { url: string; addr: string; healthy: boolean; ejected: boolean; in_flight: number }

export interface Version {
  name: string; weight: number; declared_weight: number; share: number; state: State
  requests: number; errors: number; error_rate: number; rps: number
  p50_ms: number; p99_ms: number; in_flight: number
  evidence: Evidence; promotion?: Promotion; endpoints: Endpoint[]
}

export interface Brief {
  phase: Phase; strategy: string; canary: string; stage: number; stages: number
  stage_name?: string; waiting_for?: string; gate?: string; can: Verb[]
}

export interface Service {
  name: string; stable: string; set_by?: string; set_at?: string; reason?: string; etag: string; dry_run?: boolean
  declared: { stable: string; weights: Record<string, number> }
  rollout?: Brief
  compares?: boolean
  versions: Version[]
}

export interface Stage {
  name: string; weight: number; state: 'pending' | 'entering' | 'running' | 'passed' | 'failed' | 'skipped'
  duration_s: number; spent_s: number; min_requests: number; requests: number
  entered_at?: string; left_at?: string; approval: boolean
}

export interface Check { name: string; severity: 'critical' | 'warning'; ok: boolean; message: string }
export interface Smoke { name: string; endpoint: string; ok: boolean; status?: number; took_ms: number; message?: string }
export interface Hook {
  time: string; name: string; point: string; stage?: string; ok: boolean
  status?: number; attempts: number; took_ms: number; message?: string
}
export interface Arm { version: string; metric: string; value: number; low: number; high: number; requests: number }
export interface Shadow { mirrored: number; compared: number; differing: number; noise: number; difference: number; reported: boolean }

export interface Rollout {
  id: string; service: string; strategy: string; canary: string; from: string; phase: Phase; reason: string
  waiting_for?: string; gate?: string; stage: number; stages: Stage[]; weight: number
  by: string; started_at: string; ended_at?: string; deadline_at?: string; standby_until?: string
  promotion?: Promotion; checks?: Check[]; smoke_tests?: Smoke[]; hooks?: Hook[]
  results?: Arm[]; shadow?: Shadow; labels?: Record<string, string>; config_version: string
  etag: string; dry_run?: boolean
}

export interface Decision {
  id: string; time: string; service: string; version: string
  kind: string; action: string; metric?: string; summary: string; evidence: Record<string, unknown>
}

export interface Happening {
  id: number; time: string; type: string; service?: string; version?: string; by?: string
  message: string; fields?: Record<string, unknown>
}

export interface Line {
  version: string; requests: number[]; failed: number[]
  p50_ms: number[]; p90_ms: number[]; p99_ms: number[]; weight: number[]
}
export interface Series { service: string; start: string; step_s: number; versions: Line[] }

export interface FleetSeries {
  step_s: number; start: string
  services: { service: string; versions: Omit<Line, 'p90_ms'>[] }[]
}

export interface Distribution { version: string; buckets: { le_ms: number; count: number }[] | null }

export interface ComparedExample { at: string; method: string; path: string; request_id: string; field: string; stable: string; shadow: string }
export interface ComparedField {
  path: string; kind: string; count: number; noise_count: number; rate: number; noise: number
  difference: number; difference_low: number; difference_high: number
  verdict: string; reported: boolean; examples: ComparedExample[] | null
}
export interface Comparison {
  service: string; stable: string; shadow: string; since?: string
  mirrored: number; compared: number; differing: number; truncated: number; skipped: Record<string, number>
  noise_compared: number; noise_differing: number; rate: number; noise: number
  difference: number; difference_low: number; difference_high: number
  verdict: string; reported: boolean; fields: ComparedField[] | null; overflow: number
}

export interface RunningFault { name: string; version: string; since: string; until: string; requests: number }
export interface Faults { service: string; running: RunningFault[] }

export interface PastRollout {
  id: string; service: string; strategy: string; canary: string; from: string; by: string
  started_at: string; ended_at: string; outcome: Phase; reason: string
}

export interface Figure { value: number | null; count: number; of: number }
export interface Spread { median_s: number | null; p90_s: number | null; count: number; of: number }
export interface KPIs {
  service?: string; window_s: number; since: string; until: string
  runs: { ended: number; promoted: number; rolled_back: number; aborted: number; superseded: number; completed: number; undone: number; unseen: number }
  deployment_frequency: Figure; lead_time: Spread; time_to_restore: Spread
  change_failure_rate: Figure; rollback_rate: Figure; success_rate: Figure
}
