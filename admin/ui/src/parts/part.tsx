import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Problem } from '../api/client'
import type { Shown } from '../state/resource'
import { useLost } from './banner'
import { Glyph } from './shape'

interface Props<T> { what: string; from: Shown<T>; blank?: boolean; children: (value: T) => ComponentChildren }

/** Part shows what came of one resource: it loads, or why it can't be had, or the value. Other parts of the page go on meanwhile. */
export function Part<T>({ what, from: { value, error, retry }, blank, children }: Props<T>) {
  const { whole } = useLost()
  return (
    <>
      {error && !(whole && value !== undefined) && <Failed what={what} error={error} old={value !== undefined} retry={retry} />}
      {value !== undefined ? children(value) : !error && <p class={`muted${blank ? ' blank' : ''}`} role="status">Loading…</p>}
    </>
  )
}

interface FailedProps { what: string; error: Problem; old: boolean; retry: () => void }

/** Failed says why a part of the page is not there, or is old, and asks again when told to. */
export function Failed({ what, error, old, retry }: FailedProps) {
  const [trying, setTrying] = useState(false)
  useEffect(() => setTrying(false), [error])
  return (
    <div class="absent" role="alert" data-failed={what}>
      <Glyph shape="triangle" />
      <span><b>{old ? `The ${what} can't be refreshed, and may be old` : `The ${what} can't be shown`}.</b> {error.message}</span>
      <button type="button" class="small" onClick={() => { setTrying(true); retry() }}>{trying ? 'Trying…' : 'Try again'}</button>
    </div>
  )
}
