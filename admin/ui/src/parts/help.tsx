import { Dialog } from './dialog'

const keys: [string, string][] = [
  ['g', 'All services'],
  ['d', 'Delivery figures'],
  ['/', 'Search services'],
  ['j  k', 'Next and previous service'],
  ['Enter', 'Open the service in focus'],
  ['a', 'On a service: abort, all traffic to stable'],
  ['w', 'On a service: change weights'],
  ['1  2  3', 'On a service: 5 minutes, 1 hour, 6 hours'],
  ['Esc', 'Close a dialog, or go back'],
  ['?', 'This list'],
]

/** Help lists the keys. */
export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl class="keys">
        {keys.map(([key, what]) => <div key={key}><dt>{key.split('  ').map((k) => <kbd key={k}>{k}</kbd>)}</dt><dd>{what}</dd></div>)}
      </dl>
    </Dialog>
  )
}
