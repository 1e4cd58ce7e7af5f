import { createRequire } from 'node:module'

interface RequestQueue {
  pending: unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
}

/** Milliseconds until waiting requests are looked at again when nothing throttles them; kafkajs's own figure. */
const CHECK_EVERY_MS = 10

/**
 * kafkajs 2.2.4 sets a timer of `throttledUntil - now` after every request, and `throttledUntil` is -1 when the broker
 * does not throttle: a negative timeout, of which Node 24 warns on stderr (kafkajs issue 1751). A timer is needed only
 * where a request waits, so that is when this one is set. Throws when kafkajs is no longer made so.
 */
export function mendRequestTimeouts(): void {
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as { prototype: object }
  const method = 'scheduleCheckPendingRequests'
  if (!Object.hasOwn(queue.prototype, method)) throw new Error(`kafkajs has no ${method} to mend`)
  Object.defineProperty(queue.prototype, method, {
    configurable: true,
    writable: true,
    value(this: RequestQueue) {
      if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return
      const throttled = this.throttledUntil - Date.now()
      this.throttleCheckTimeoutId = setTimeout(
        () => {
          this.throttleCheckTimeoutId = null
          this.checkPendingRequests()
        },
        throttled > 0 ? throttled : CHECK_EVERY_MS,
      )
    },
  })
}
