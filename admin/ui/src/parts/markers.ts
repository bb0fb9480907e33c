// Events on the plots: a line each, and above one plot their shapes.

import type uPlot from 'uplot'
import type { Shape, Tone } from '../state/words'

/** Marker is one moment. */
export interface Marker { id: string; at: number; shape: Shape; tone: Tone; text: string } // at: seconds

const NEAR = 7 // pixels that a pointer may miss a mark by

/** markers draws the marks and tells which one the pointer is on. */
export function markers(marks: () => readonly Marker[], glyphs: boolean, chosen: (m: Marker) => void, colour: (name: string) => string): uPlot.Plugin {
  const tip = document.createElement('div')
  tip.className = 'tip'
  tip.hidden = true
  let near: Marker | undefined
  return {
    hooks: {
      init: (u) => {
        u.over.append(tip)
        u.over.addEventListener('click', () => { if (near) chosen(near) })
      },
      draw: (u) => draw(u, marks(), glyphs, colour),
      setCursor: (u) => {
        near = nearest(u, marks())
        u.over.classList.toggle('onmark', near !== undefined)
        tip.hidden = near === undefined || !u.over.matches(':hover')
        if (near) place(u, tip, near)
      },
    },
  }
}

function nearest(u: uPlot, marks: readonly Marker[]): Marker | undefined {
  const left = u.cursor.left ?? -1
  if (left < 0) return undefined
  let best: Marker | undefined
  let least = NEAR
  for (const m of marks) {
    const d = Math.abs(u.valToPos(m.at, 'x') - left)
    if (d <= least) { best = m; least = d }
  }
  return best
}

function place(u: uPlot, tip: HTMLElement, m: Marker): void {
  tip.textContent = m.text
  const x = u.valToPos(m.at, 'x')
  const right = x > u.over.clientWidth / 2
  tip.style.left = right ? '' : `${Math.max(0, x + 8)}px`
  tip.style.right = right ? `${Math.max(0, u.over.clientWidth - x + 8)}px` : ''
}

function draw(u: uPlot, marks: readonly Marker[], glyphs: boolean, colour: (name: string) => string): void {
  const { ctx, bbox } = u
  const scale = devicePixelRatio
  const { min, max } = u.scales.x as { min: number; max: number }
  ctx.save()
  for (const m of marks) {
    if (m.at < min || m.at > max) continue
    const x = Math.round(u.valToPos(m.at, 'x', true)) + 0.5
    const tone = colour(`--${m.tone}`)
    ctx.strokeStyle = tone
    ctx.globalAlpha = m.tone === 'bad' ? 0.9 : 0.5
    ctx.lineWidth = scale
    ctx.setLineDash(m.tone === 'bad' ? [] : [3 * scale, 3 * scale])
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    if (glyphs) {
      ctx.globalAlpha = 1
      ctx.fillStyle = tone
      glyph(ctx, m.shape, x, bbox.top - 7 * scale, 4.5 * scale)
    }
  }
  ctx.restore()
}

function glyph(ctx: CanvasRenderingContext2D, shape: Shape, x: number, y: number, r: number): void {
  ctx.beginPath()
  switch (shape) {
    case 'triangle': ctx.moveTo(x, y - r); ctx.lineTo(x + r, y + r); ctx.lineTo(x - r, y + r); break
    case 'square': case 'bar': case 'pause': ctx.rect(x - r * 0.85, y - r * 0.85, r * 1.7, r * 1.7); break
    case 'diamond': ctx.moveTo(x, y - r); ctx.lineTo(x + r, y); ctx.lineTo(x, y + r); ctx.lineTo(x - r, y); break
    case 'play': ctx.moveTo(x - r * 0.8, y - r); ctx.lineTo(x + r, y); ctx.lineTo(x - r * 0.8, y + r); break
    case 'back': ctx.moveTo(x + r * 0.8, y - r); ctx.lineTo(x - r, y); ctx.lineTo(x + r * 0.8, y + r); break
    default: ctx.arc(x, y, r * 0.85, 0, 2 * Math.PI)
  }
  ctx.closePath()
  ctx.fill()
}
