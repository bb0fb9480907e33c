// Requests to the admin API, relative to where the page is: a sub-path needs no setting.

import { Store } from '../lib/store'

const base = new URL('.', document.baseURI)

/** address of a path of this server, such as "api/v1/services". */
export function address(path: string): string {
  return new URL(path, base).href
}

/** path of a service's resource; names are escaped. */
export function ofService(name: string, rest = ''): string {
  return `api/v1/services/${encodeURIComponent(name)}${rest}`
}

/** Problem is an answer that is none, or no answer at all: status 0. */
export class Problem extends Error {
  constructor(readonly status: number, readonly title: string, detail: string, readonly etag = '') {
    super(detail || title)
  }
  /** The split changed since it was read. */
  get stale(): boolean { return this.status === 412 }
  /** Nobody answers, or somebody who is not well. */
  get offline(): boolean { return this.status === 0 || this.status >= 502 && this.status <= 504 }
}

/** Contact is when the server last answered, and since when it does not; milliseconds, 0: never. */
export interface Contact { at: number; lost: number }

export const contact = new Store<Contact>({ at: 0, lost: 0 })

/** unauthorised is told of each 401, so that the page can ask for a token. */
export const unauthorised = new Store(0)

let skew = 0 // the server's clock minus ours, milliseconds

/** now is the server's time, as ages and deadlines are told by its clock. */
export function now(): number { return Date.now() + skew }

const TIMEOUT = 10_000

export interface Call { method?: string; body?: unknown; etag?: string; signal?: AbortSignal }

/** call sends one request and reads its JSON; all that goes wrong is a Problem. */
export async function call<T>(path: string, { method = 'GET', body, etag, signal }: Call = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (etag) headers['If-Match'] = etag
  const limit = AbortSignal.timeout(TIMEOUT)
  let response: Response
  try {
    response = await fetch(address(path), {
      method, headers, cache: 'no-store', credentials: 'same-origin',
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    })
  } catch (e) {
    if (signal?.aborted) throw e
    lose()
    throw new Problem(0, 'no answer', limit.aborted ? `no answer within ${TIMEOUT / 1000} s` : 'the server does not answer')
  }
  return read<T>(response)
}

async function read<T>(response: Response): Promise<T> {
  if (response.status === 401) unauthorised.set(unauthorised.get() + 1)
  let value: unknown
  try {
    value = response.status === 204 ? undefined : await response.json()
  } catch {
    if (response.ok) throw new Problem(0, 'broken answer', 'the answer is not JSON, or broke off')
  }
  if (!response.ok) {
    const told = (value ?? {}) as { title?: string; detail?: string }
    const problem = new Problem(response.status, told.title ?? response.statusText, told.detail ?? '', response.headers.get('ETag') ?? '')
    if (problem.offline) lose()
    else met(response)
    throw problem
  }
  met(response)
  return value as T
}

/** met notes that the server answered. */
export function met(response: Response): void {
  const date = Date.parse(response.headers.get('Date') ?? '')
  if (!Number.isNaN(date)) {
    const off = date + 500 - Date.now()
    skew = Math.abs(off) > 2000 ? off : 0
  }
  contact.set({ at: Date.now(), lost: 0 })
}

const ALONE = 2_000 // milliseconds

/**
 * lose notes that it did not: what is shown is as old as the last answer. Where others are answered meanwhile
 * the server is there, and one resource of it is not well: whoever asked for that says so.
 */
export function lose(): void {
  const c = contact.get()
  if (c.lost === 0 && Date.now() - c.at >= ALONE) contact.set({ at: c.at, lost: c.at || Date.now() })
}
