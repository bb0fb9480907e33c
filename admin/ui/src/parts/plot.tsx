import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { clock } from '../lib/format'
import { type Marker, markers } from './markers'

/** Curve is one line of a plot. */
export interface Curve {
  label: string
  brief?: string // in the legend, after one of the same version
  hue: number // of the version
  dash?: boolean
  thin?: boolean
  faint?: boolean
  steps?: boolean
  bandTo?: number // index of the curve that a band of the same colour reaches down to
}

export interface PlotProps {
  title: string
  unit: string
  curves: Curve[]
  data: uPlot.AlignedData
  marks: readonly Marker[]
  show: (value: number) => string
  tick?: (value: number) => string // on the axis; show if left out
  range: (most: number) => [number, number]
  glyphs?: boolean // shapes above the marks; one plot of a column has them
  onMark?: (m: Marker) => void
}

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** Plot is one time series panel. Its curves are fixed while it stands; data and marks are not. */
export function Plot(props: PlotProps) {
  const host = useRef<HTMLDivElement>(null)
  const legend = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const latest = useRef(props)
  latest.current = props
  const shape = props.curves.map((c) => c.label).join('|')

  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const build = (): void => {
      plot.current?.destroy()
      if (!host.current) return // on its way out
      plot.current = new uPlot(options(latest, legend.current!, host.current.clientWidth), latest.current.data, host.current)
      readout(plot.current, latest.current, legend.current!)
    }
    build()
    const resized = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry!.contentRect.width)
      if (width > 0 && plot.current && width !== plot.current.width) plot.current.setSize({ width, height: HEIGHT })
    })
    resized.observe(host.current!)
    dark.addEventListener('change', build)
    return () => { resized.disconnect(); dark.removeEventListener('change', build); plot.current?.destroy(); plot.current = undefined }
  }, [shape])

  useEffect(() => {
    if (plot.current && props.data.length === plot.current.series.length) plot.current.setData(props.data)
  }, [props.data, props.marks])

  return (
    <figure class="plot">
      <figcaption><h3>{props.title}</h3> <span class="muted">{props.unit}</span></figcaption>
      <div class="legend" ref={legend} aria-hidden="true" />
      <div ref={host} class="canvas" role="img" aria-label={spoken(props)} />
    </figure>
  )
}

const HEIGHT = 148
const STEPS = [60, 300, 600, 900, 1800, 3600, 7200] // seconds between labels of the time

function options(latest: { current: PlotProps }, legend: HTMLElement, width: number): uPlot.Options {
  const props = latest.current
  const grid = { stroke: colour('--grid'), width: 1 }
  const axis = { stroke: colour('--muted'), font: `11px ${getComputedStyle(document.body).fontFamily}`, grid, ticks: { show: false } }
  return {
    width: Math.max(width, 80), height: HEIGHT,
    padding: [props.glyphs ? 14 : 8, 20, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'service' }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (_u, _min, most) => latest.current.range(most ?? 0) } },
    axes: [
      { ...axis, size: 24, gap: 4, space: 64, incrs: STEPS, values: (_u, ticks) => ticks.map((t) => clock(t * 1000).slice(0, 5)) },
      { ...axis, size: 46, gap: 6, space: 32, values: (_u, ticks) => ticks.map((t) => t === 0 ? '0' : (latest.current.tick ?? latest.current.show)(t)) },
    ],
    series: [{}, ...props.curves.map(series)],
    bands: props.curves.flatMap((c, i) => c.bandTo === undefined ? [] : [{ series: [i + 1, c.bandTo + 1] as [number, number], fill: alpha(colour(`--hue${c.hue % 6}`), 0.13) }]),
    plugins: [markers(() => latest.current.marks, props.glyphs === true, (m) => latest.current.onMark?.(m), colour)],
    hooks: { setCursor: [(u) => readout(u, latest.current, legend)], setData: [(u) => readout(u, latest.current, legend)] },
  }
}

function series(c: Curve): uPlot.Series {
  const stroke = colour(`--hue${c.hue % 6}`)
  return {
    label: c.label, stroke: c.faint ? alpha(stroke, 0.6) : stroke, width: c.thin ? 1 : 1.75, spanGaps: false,
    dash: c.dash ? [4, 3] : undefined, points: { show: false },
    paths: c.steps ? uPlot.paths.stepped!({ align: 1 }) : undefined,
  }
}

/** alpha makes a #rrggbb transparent. */
function alpha(hex: string, a: number): string { return `${hex}${Math.round(a * 255).toString(16).padStart(2, '0')}` }

/** readout writes the values under the cursor, else the newest. */
function readout(u: uPlot, props: PlotProps, legend: HTMLElement): void {
  const last = newest(u.data)
  const at = u.cursor.idx ?? last
  const parts: HTMLElement[] = props.curves.map((c, i) => {
    const item = document.createElement('span')
    item.className = `hue${c.hue % 6}${c.dash ? ' dash' : ''}${c.thin ? ' thin' : ''}`
    const value = u.data[i + 1]?.[at]
    item.append(document.createElement('i'), c.brief ?? c.label, Object.assign(document.createElement('b'), { textContent: value == null ? '–' : props.show(value) }))
    return item
  })
  const x = u.data[0][at]
  if (u.cursor.idx != null && x !== undefined) parts.unshift(Object.assign(document.createElement('time'), { textContent: clock(x * 1000) }))
  legend.replaceChildren(...parts)
}

/** newest is the last step of which anything is known. */
function newest(data: uPlot.AlignedData): number {
  for (let i = data[0].length - 1; i >= 0; i--) {
    for (let s = 1; s < data.length; s++) if (data[s]![i] != null) return i
  }
  return 0
}

function spoken(p: PlotProps): string {
  const at = newest(p.data)
  const values = p.curves.map((c, i) => `${c.label} ${p.data[i + 1]?.[at] == null ? 'unknown' : p.show(p.data[i + 1]![at]!)}`)
  return `${p.title}, ${p.unit}: ${values.join(', ')}`
}
