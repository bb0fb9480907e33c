import type { Service, Version } from '../api/types'
import { count, ms, percent, plural, rate, ratio } from '../lib/format'
import { signOfState } from '../state/words'
import { Mark } from './shape'
import { hue, ShareBar } from './sharebar'

interface Props { service: Service; act?: (version: Version) => void }

/** Versions is a service's versions with their live figures; act offers what can be done with one. */
export function Versions({ service, act }: Props) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Versions">
      <table class="versions">
        <thead>
          <tr><th>Version</th><th>State</th><th class="num">Share</th><th class="wide"><span class="hidden">Share as a bar</span></th><th class="num">Weight</th><th class="num">Req/s</th><th class="num">Errors</th><th class="num">p50</th><th class="num">p99</th><th class="num">In flight</th><th>Endpoints</th>{act && <th><span class="hidden">Actions</span></th>}</tr>
        </thead>
        <tbody>{service.versions.map((v, i) => <Line key={v.name} service={service} version={v} index={i} act={act} />)}</tbody>
      </table>
    </div>
  )
}

function Line({ service, version: v, index, act }: Props & { version: Version; index: number }) {
  return (
    <tr data-version={v.name} data-share={v.share} data-weight={v.weight} data-state={v.state} data-requests={v.requests} data-errors={v.errors}>
      <th scope="row" class="ver"><i class={`swatch ${hue(index)}`} />{v.name}{v.name === service.stable && <em class="tag">stable</em>}</th>
      <td><Mark sign={signOfState(v.state)} /></td>
      <td class="num share">{percent(v.share)}</td>
      <td class="wide"><ShareBar version={v} index={index} /></td>
      <td class="num" data-label="weight">{percent(v.weight)}</td>
      <td class="num" data-label="req/s">{rate(v.rps)}</td>
      <td data-label="errors" class={`num${v.error_rate >= 0.01 ? ' hot' : ''}`} title={`${count(v.errors)} of ${count(v.requests)} since the start`}>{v.rps > 0 || v.error_rate > 0 ? ratio(v.error_rate) : '–'}</td>
      <td class="num" data-label="p50">{ms(v.p50_ms)}</td>
      <td class="num" data-label="p99">{ms(v.p99_ms)}</td>
      <td class="num" data-label="in flight">{count(v.in_flight)}</td>
      <td><Endpoints version={v} /></td>
      {act && <td class="do"><button type="button" class="small" onClick={() => act(v)}>{v.state === 'quarantined' || v.state === 'tripped' ? 'Release' : 'State'}<span class="hidden"> of {v.name}</span></button></td>}
    </tr>
  )
}

function Endpoints({ version: v }: { version: Version }) {
  const out = v.endpoints.filter((e) => !e.healthy || e.ejected)
  if (v.endpoints.length === 0) return <span class="muted">none</span>
  const title = v.endpoints.map((e) => `${e.url} ${e.ejected ? 'ejected' : e.healthy ? 'healthy' : 'unhealthy'}`).join('\n')
  if (out.length === 0) return <span class="muted" title={title}>{v.endpoints.length} ok</span>
  return <span title={title}><Mark sign={{ word: `${out.length} of ${plural(v.endpoints.length, 'endpoint')} out`, shape: 'half', tone: 'warn' }} /></span>
}
