import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the range from which Linux takes the source ports of outgoing connections (32768 and up), so that no
 * client can take a stopped server's port before its restart, or connect to itself while it retries.
 */
const range = { first: 20_000, end: 32_000 }
const attempts = 200

/** Resolves to a loopback port that nothing listened on a moment ago. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = randomInt(range.first, range.end)
    if (await isFree(port)) return port
  }
  throw new Error(`no free loopback port found in ${range.first}-${range.end} after ${attempts} attempts`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const listener = createServer()
    listener.once('error', () => resolve(false))
    listener.listen(port, '127.0.0.1', () => listener.close(() => resolve(true)))
  })
}
