import type { CompactState } from '../live/compact-state.ts'

export type Connection = 'connecting' | 'connected' | 'reconnecting' | 'degraded'

/** The server closed the stream for good (503, 404): ask again after this, ms. A lost connection the browser mends itself. */
const RETRY_MS = 5000
/** Silence after which the stream is taken for dead, ms: three heartbeats. */
const SILENCE_MS = 35_000

/**
 * Follows a system's event stream until `stop` is called. `serverAhead` is the server's clock less this one's, ms.
 */
export function follow(options: {
  system: string
  update: (update: CompactState) => void
  connection: (connection: Connection) => void
  serverAhead: (milliseconds: number) => void
}): { stop: () => void } {
  const { system, update, connection, serverAhead } = options
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let stopped = false

  const later = (milliseconds: number): void => {
    clearTimeout(timer)
    timer = setTimeout(open, milliseconds)
  }
  const heard = (): void => later(SILENCE_MS)
  const open = (): void => {
    source?.close()
    if (stopped) return
    source = new EventSource(`/v1/systems/${encodeURIComponent(system)}/events`)
    source.addEventListener('open', () => {
      connection('connected')
      heard()
    })
    source.addEventListener('error', () => {
      connection('reconnecting')
      if (source?.readyState === EventSource.CLOSED) later(RETRY_MS)
    })
    source.addEventListener('update', (event) => {
      heard()
      update(JSON.parse(event.data) as CompactState)
    })
    source.addEventListener('heartbeat', (event) => {
      heard()
      const { now_utc, look_ups } = JSON.parse(event.data) as { now_utc: number; look_ups: string }
      serverAhead(now_utc - Date.now())
      connection(look_ups === 'ok' ? 'connected' : 'degraded')
    })
  }
  connection('connecting')
  open()
  return {
    stop() {
      stopped = true
      clearTimeout(timer)
      source?.close()
    },
  }
}
