import type { Version } from '../api/types'
import { percent } from '../lib/format'

/** hue is the class of a version's colour, by its place in the file, so that it never changes. */
export function hue(index: number): string { return `hue${index % 6}` }

/** ShareBar is one version's part of the traffic, with a tick where its weight wants it. */
export function ShareBar({ version, index }: { version: Version; index: number }) {
  const apart = Math.abs(version.weight - version.share) >= 0.5
  return (
    <span class={`sharebar ${hue(index)}`} title={apart ? `weight ${percent(version.weight)}, gets ${percent(version.share)}` : undefined}>
      <span class="fill" style={{ width: `${version.share}%` }} />
      {apart && <span class="want" style={{ left: `${Math.min(version.weight, 99.2)}%` }} />}
    </span>
  )
}
