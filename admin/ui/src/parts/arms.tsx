import type { Arm } from '../api/types'
import { count, ms, plural, ratio } from '../lib/format'
import { hue } from './sharebar'

const show = (metric: string, v: number): string => metric.endsWith('_rate') ? ratio(v) : metric.endsWith('latency') ? ms(v) : Number.isInteger(v) ? count(v) : v.toPrecision(4)

/** Arms is what an A/B test shows of each version: metric by metric, versions below one another, with intervals of 95 % on one scale. */
export function Arms({ arms, order }: { arms: Arm[]; order: string[] }) {
  const metrics = [...new Set(arms.map((a) => a.metric))].filter((m) => m !== 'requests') // each line has its requests
  return (
    <details class="group arms" open>
      <summary>Results <span class="muted">95 % intervals</span></summary>
      <table>
        <thead class="hidden"><tr><th>Version</th><th>Value and interval</th><th>Interval as a bar</th></tr></thead>
        {metrics.map((m) => <Metric key={m} name={m} arms={arms.filter((a) => a.metric === m)} order={order} />)}
      </table>
    </details>
  )
}

function Metric({ name, arms, order }: { name: string; arms: Arm[]; order: string[] }) {
  const most = Math.max(...arms.map((a) => a.high), Number.MIN_VALUE)
  const least = name.endsWith('_rate') ? 0 : Math.min(...arms.map((a) => a.low)) - (most - Math.min(...arms.map((a) => a.low))) / 8
  const at = (v: number): number => Math.max(0, Math.min(100, (v - least) / ((most - least) || 1) * 100))
  return (
    <tbody>
      <tr><th colSpan={3} scope="rowgroup">{name.replaceAll('_', ' ')}</th></tr>
      {arms.map((a) => (
        <tr key={a.version} data-arm={`${name} ${a.version}`}>
          <th scope="row" class="ver"><i class={`swatch ${hue(Math.max(0, order.indexOf(a.version)))}`} />{a.version}<small class="muted">{plural(a.requests, 'request')}</small></th>
          <td><b>{show(name, a.value)}</b> <span class="muted">{show(name, a.low)} – {show(name, a.high)}</span></td>
          <td class="wide">
            <span class={`interval ${hue(Math.max(0, order.indexOf(a.version)))}`} aria-hidden="true">
              <span class="fill" style={{ left: `${at(a.low)}%`, width: `${Math.max(0.5, at(a.high) - at(a.low))}%` }} />
              <span class="mid" style={{ left: `${at(a.value)}%` }} />
            </span>
          </td>
        </tr>
      ))}
    </tbody>
  )
}
