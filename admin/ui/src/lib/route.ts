// Where in the page one is, in the address's fragment: no server needs to know.

import { Store } from './store'

export type Route =
  | { page: 'overview' }
  | { page: 'service'; name: string }
  | { page: 'delivery' }
  | { page: 'api' }

export function parse(fragment: string): Route {
  const parts = fragment.replace(/^#\/?/, '').split('/')
  if (parts[0] === 'services' && parts[1]) {
    try {
      return { page: 'service', name: decodeURIComponent(parts[1]) }
    } catch {
      return { page: 'overview' }
    }
  }
  return parts[0] === 'api' || parts[0] === 'delivery' ? { page: parts[0] } : { page: 'overview' }
}

export const route = new Store<Route>(parse(location.hash))
window.addEventListener('hashchange', () => {
  route.set(parse(location.hash))
  window.scrollTo(0, 0)
})

export const toOverview = '#/'
export const toDelivery = '#/delivery'
export const toAPI = '#/api'
export function toService(name: string): string { return `#/services/${encodeURIComponent(name)}` }
