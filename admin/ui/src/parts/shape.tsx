import type { Shape, Sign } from '../state/words'

const paths: Record<Shape, preact.JSX.Element> = {
  dot: <circle cx="6" cy="6" r="4" />,
  ring: <circle cx="6" cy="6" r="3.4" class="line" />,
  half: <g><circle cx="6" cy="6" r="3.8" class="line" /><path d="M6 2.2a3.8 3.8 0 0 1 0 7.6z" /></g>,
  triangle: <path d="M6 1.4 11 10.4H1z" />,
  square: <path d="M3.8 1h4.4L11 3.8v4.4L8.2 11H3.8L1 8.2V3.8zM3.5 5.2v1.6h5V5.2z" fill-rule="evenodd" />,
  diamond: <path d="M6 .8 11.2 6 6 11.2.8 6z" />,
  play: <path d="M2.6 1.4 10.6 6l-8 4.6z" />,
  pause: <path d="M2.5 1.8h2.6v8.4H2.5zM6.9 1.8h2.6v8.4H6.9z" />,
  check: <path d="m1.8 6.4 2.9 3 5.5-6.6" class="line thick" />,
  cross: <path d="m2.4 2.4 7.2 7.2m0-7.2-7.2 7.2" class="line thick" />,
  back: <path d="M4.6 1.6 1.8 4.4l2.8 2.8M2.2 4.4h4.6a3 3 0 0 1 0 6H4" class="line thick" />,
  bar: <path d="M1.5 3.4h9M1.5 8.6h6" class="line thick" />,
}

/** Glyph is a shape alone, for eyes: the word beside it is for everybody. */
export function Glyph({ shape }: { shape: Shape }) {
  return <svg class="glyph" viewBox="0 0 12 12" aria-hidden="true" focusable="false">{paths[shape]}</svg>
}

/** Mark is a state: shape, colour and word. */
export function Mark({ sign, strong }: { sign: Sign; strong?: boolean }) {
  return <span class={`mark ${sign.tone}${strong ? ' strong' : ''}`}><Glyph shape={sign.shape} />{sign.word}</span>
}
