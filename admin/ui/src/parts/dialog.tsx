import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'

interface Props { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean }

/** Dialog is the browser's own: it keeps the focus, closes on Escape and gives the focus back. */
export function Dialog({ title, onClose, children, wide }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useLayoutEffect(() => { // at once: what is typed from here on is the dialog's, no key of the page
    const dialog = ref.current!
    dialog.showModal()
    return () => dialog.close()
  }, [])
  const outside = (e: MouseEvent): void => { if (e.target === ref.current) onClose() }
  return (
    <dialog ref={ref} class={wide ? 'wide' : ''} aria-labelledby={id} onCancel={(e) => { e.preventDefault(); onClose() }} onMouseDown={outside}>
      <div class="sheet">
        <header><h2 id={id}>{title}</h2><button type="button" class="quiet" aria-label="Close" onClick={onClose}>✕</button></header>
        {children}
      </div>
    </dialog>
  )
}
