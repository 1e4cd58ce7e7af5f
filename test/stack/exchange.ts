import { connect } from 'node:net'

/** What one request brought over a wire. */
export interface Exchange {
  /** How it ended; `open` when enough had come, or nothing more came for a while. */
  end: 'refused' | 'reset' | 'closed' | 'open'
  bytes: number
  /** Until the first byte; null without one. */
  firstMs: number | null
}

/** Far longer than a slow wire takes, far shorter than an outage. */
const PATIENCE_MS = 3_000

/** Sends one request to a port of this machine, and takes `enough` bytes of what comes back, or what there is of them. */
export function exchange({
  port,
  request,
  enough,
}: {
  port: number
  request: string | Buffer
  enough: number
}): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const began = performance.now()
    let bytes = 0
    let firstMs: number | null = null
    const settle = (end: Exchange['end']): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ end, bytes, firstMs })
    }
    const timer = setTimeout(() => settle('open'), PATIENCE_MS)
    socket.once('connect', () => socket.write(request))
    socket.on('data', (chunk) => {
      firstMs ??= performance.now() - began
      bytes += chunk.length
      if (bytes >= enough) settle('open')
    })
    socket.once('end', () => settle('closed'))
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      settle(code === 'ECONNREFUSED' ? 'refused' : 'reset'),
    )
  })
}
