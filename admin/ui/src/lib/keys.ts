// Single keys, while nobody types.

import { useLayoutEffect } from 'preact/hooks'

/** useKeys calls what a key is bound to. Keys with modifiers, repeats and those typed into a field are left alone. */
export function useKeys(bindings: Record<string, (() => void) | undefined>): void {
  useLayoutEffect(() => { // at once: a key that is pressed while the page is drawn counts
    const pressed = (e: KeyboardEvent): void => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || e.defaultPrevented || typing(e.target) || document.querySelector('dialog[open]')) return
      const act = bindings[e.key]
      if (!act) return
      e.preventDefault()
      act()
    }
    window.addEventListener('keydown', pressed)
    return () => window.removeEventListener('keydown', pressed)
  })
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))
}
