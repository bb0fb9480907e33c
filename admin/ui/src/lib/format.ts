// Numbers as people read them; tabular figures and fixed decimals, so that columns stand still.

const NARROW = '\u202f' // a space that does not break

const whole = new Intl.NumberFormat('en-US')

/** count is 1234567 as 1,234,567. */
export function count(n: number): string { return whole.format(Math.round(n)) }

/** rate is requests a second. */
export function rate(n: number): string {
  if (n >= 99_950) return `${Math.round(n / 1000)}k`
  if (n >= 9_995) return `${(n / 1000).toFixed(1)}k`
  if (n >= 100) return whole.format(Math.round(n))
  if (n === 0) return '0'
  return n.toFixed(1)
}

/** ratio is 0..1 as percent. */
export function ratio(n: number): string {
  const p = n * 100
  if (p === 0) return `0${NARROW}%`
  if (p < 0.01) return `<0.01${NARROW}%`
  return `${p >= 99.995 ? '100' : p.toFixed(p >= 10 ? 1 : 2)}${NARROW}%`
}

/** percent is 0..100, hundredths only where there are any. */
export function percent(n: number): string { return `${Number(n.toFixed(2))}${NARROW}%` }

/** ms is a latency; a dash without answers. */
export function ms(n: number): string {
  if (!(n > 0)) return '–'
  if (n < 1) return `${n.toFixed(2)}${NARROW}ms`
  if (n < 10) return `${n.toFixed(1)}${NARROW}ms`
  if (n < 999.5) return `${Math.round(n)}${NARROW}ms`
  return `${(n / 1000).toFixed(n < 9_995 ? 2 : 1)}${NARROW}s`
}

/** span is a length of time in seconds: 90 is 1m 30s. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s}s`
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)}m ${s % 60}s` : `${s / 60}m`
  if (s < 86_400) {
    const m = Math.floor(s % 3600 / 60)
    return m ? `${Math.floor(s / 3600)}h ${m}m` : `${Math.floor(s / 3600)}h`
  }
  const h = Math.floor(s % 86_400 / 3600)
  return h ? `${Math.floor(s / 86_400)}d ${h}h` : `${Math.floor(s / 86_400)}d`
}

const two = (n: number): string => String(n).padStart(2, '0')

/** clock is the time of day, local. */
export function clock(at: number | string): string {
  const d = new Date(at)
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

/** moment is clock, with the day unless it is today. */
export function moment(at: number | string): string {
  const d = new Date(at)
  if (d.toDateString() === new Date().toDateString()) return clock(at)
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`
}

/** age is how long ago, in one unit. */
export function age(from: number, to: number): string {
  const s = Math.max(0, Math.round((to - from) / 1000))
  if (s < 60) return `${s} s ago`
  if (s < 3600) return `${Math.floor(s / 60)} min ago`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`
  return `${Math.floor(s / 86_400)} d ago`
}

/** plural is "1 endpoint", "2 endpoints". */
export function plural(n: number, word: string): string { return `${count(n)} ${word}${n === 1 ? '' : 's'}` }
