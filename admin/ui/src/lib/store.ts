import { useEffect, useState } from 'preact/hooks'

/** Store holds one value and tells who asks when it is another. */
export class Store<T> {
  private readonly listeners = new Set<() => void>()

  constructor(private value: T) {}

  get(): T { return this.value }

  set(value: T): void {
    if (Object.is(value, this.value)) return
    this.value = value
    for (const listener of [...this.listeners]) listener()
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

/** useStore renders the component again when the value is another. */
export function useStore<T>(store: Store<T>): T {
  const [, again] = useState(0)
  const value = store.get()
  useEffect(() => {
    const changed = (): void => again((n) => n + 1)
    if (!Object.is(store.get(), value)) changed() // between the render and now
    return store.subscribe(changed)
  }, [store])
  return value
}
