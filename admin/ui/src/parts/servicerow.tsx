import { Component } from 'preact'
import type { FleetSeries, Service, Version } from '../api/types'
import { ms, percent, rate, ratio } from '../lib/format'
import { toService } from '../lib/route'
import type { Attention } from '../state/attention'
import { live, signOfPhase, signOfState, waitingFor } from '../state/words'
import { AbortButton } from './abort'
import { Mark } from './shape'
import { hue, ShareBar } from './sharebar'
import { Spark } from './spark'

interface Props { service: Service; attention: Attention; spark: FleetSeries['services'][number] | undefined }

/** ServiceRow is a service of the overview. It is drawn anew only when something in it reads differently. */
export class ServiceRow extends Component<Props> {
  private drawn = ''

  override shouldComponentUpdate(next: Props): boolean {
    if (next.spark !== this.props.spark) return true
    return next.service !== this.props.service && reads(next) !== this.drawn
  }

  override render() {
    const { service, attention, spark } = this.props
    this.drawn = reads(this.props)
    return (
      <div role="rowgroup" class={`svc${attention.rank > 0 ? ` needs ${attention.tone}` : ''}`} data-service={service.name}>
        <div role="row" class="title">
          <div role="cell" aria-colspan={9}>
            <a class="name" href={toService(service.name)}>{service.name}</a>
            {attention.rank > 0 && <Mark sign={attention} strong />}
            <Course service={service} attention={attention} />
            <span class="grow" />
            <AbortButton service={service} small />
          </div>
        </div>
        {service.versions.map((v, i) => <VersionLine key={v.name} version={v} index={i} stable={v.name === service.stable} line={spark?.versions.find((l) => l.version === v.name)} />)}
      </div>
    )
  }
}

/** reads is all that the row shows, as it shows it. */
function reads({ service, attention }: Props): string {
  const r = service.rollout
  return [
    attention.rank, attention.word, service.stable, r?.phase, r?.strategy, r?.canary, r?.stage, r?.stages, r?.stage_name, r?.waiting_for, r?.gate, r?.can.join(),
    ...service.versions.map((v) => `${v.name} ${v.state} ${v.share} ${v.weight} ${rate(v.rps)} ${ratio(v.error_rate)} ${ms(v.p50_ms)} ${ms(v.p99_ms)}`),
  ].join('|')
}

type SparkLine = FleetSeries['services'][number]['versions'][number]

function VersionLine({ version: v, index, stable, line }: { version: Version; index: number; stable: boolean; line: SparkLine | undefined }) {
  const idle = v.share === 0 && v.rps === 0
  return (
    <div role="row" class={`line${idle ? ' idle' : ''}`} data-version={v.name} data-share={v.share} data-state={v.state}>
      <span role="cell" class="ver"><i class={`swatch ${hue(index)}`} />{v.name}{stable && <em class="tag">stable</em>}</span>
      <span role="cell" class="state"><Mark sign={signOfState(v.state)} /></span>
      <span role="cell" class="num share">{percent(v.share)}</span>
      <span role="cell" class="barcell"><ShareBar version={v} index={index} /></span>
      <span role="cell" class="sparkcell"><Spark line={line} index={index} /></span>
      <span role="cell" class="num" data-label="req/s">{rate(v.rps)}</span>
      <span role="cell" class={`num${v.error_rate >= 0.01 ? ' hot' : ''}`} data-label="errors">{v.rps > 0 || v.error_rate > 0 ? ratio(v.error_rate) : '–'}</span>
      <span role="cell" class="num" data-label="p50">{ms(v.p50_ms)}</span>
      <span role="cell" class="num" data-label="p99">{ms(v.p99_ms)}</span>
    </div>
  )
}

/** Course is what a service's rollout is at, in a few words. */
function Course({ service, attention }: { service: Service; attention: Attention }) {
  const r = service.rollout
  if (!r || r.phase === 'none') return null
  const sign = signOfPhase(r.phase)
  if (!live(r.phase)) return <Mark sign={{ ...sign, word: `${r.canary} ${sign.word}` }} />
  const stage = r.stage >= 0 ? ` · ${r.stage_name || `stage ${r.stage + 1}`}, ${r.stage + 1} of ${r.stages}` : ''
  const words = `${r.strategy.replaceAll('_', ' ')} of ${r.canary}${stage}`
  if (attention.rank > 0) return <span class="muted small">{words}</span>
  return <Mark sign={{ ...sign, word: words + (r.waiting_for ? ` · waits for ${waitingFor(r.waiting_for)}` : '') }} />
}
