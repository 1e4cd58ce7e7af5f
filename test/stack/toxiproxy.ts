import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { run } from './command.ts'
import { findGo } from './go.ts'
import { freePort } from './ports.ts'
import { type Server, serverDirectory, startServer } from './server.ts'
import { UnavailableError } from './unavailable.ts'

/** The newest that Go's module proxy has under this path. */
const version = '2.5.0'
const requestTimeoutMs = 30_000

/** What a wire can do to those who talk over it. */
export const wireFaults = ['refuse', 'hang', 'reset', 'slow', 'cut'] as const
export type WireFault = (typeof wireFaults)[number]

/** One address that passes everything on to another, until it is told to misbehave. */
export type WireProxy = {
  /** host:port that clients use instead of the server's own. */
  readonly address: string
  readonly port: number
  /**
   * From now on, for connections that are open and for new ones. What clients send still arrives, but for `refuse`;
   * what the server answers:
   * - refuse: nobody is let in, and who is in is thrown out;
   * - hang: nothing comes back, and the connection stays open;
   * - reset: the connection is reset as the answer comes;
   * - slow: `slow.latencyMs` late (a fifth more or less) and `slow.kilobytesPerSecond` at most;
   * - cut: `cutBytes` bytes of a connection, then its end.
   */
  fail(fault: WireFault): Promise<void>
  /** Everything is passed on again; connections that hung are closed. */
  heal(): Promise<void>
  /** Where it passes everything on to, from now on: who is in is thrown out. */
  redirect(upstream: string): Promise<void>
}

export type ProxyOptions = {
  name: string
  /** host:port. */
  upstream: string
  /** Default 300: within the body of a small answer over HTTP. */
  cutBytes?: number
  slow?: { latencyMs: number; kilobytesPerSecond: number }
}

export type Toxiproxy = Server & { version: string; proxy(options: ProxyOptions): Promise<WireProxy> }

/**
 * Starts a Toxiproxy without proxies.
 * @throws UnavailableError when Go is missing or the program cannot be fetched and built
 */
export async function startToxiproxy(): Promise<Toxiproxy> {
  const programs = await buildToxiproxy()
  const port = await freePort()
  const api = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: 'toxiproxy',
    command: join(programs, 'toxiproxy-server'),
    args: ['-host', '127.0.0.1', '-port', String(port)],
    directory: await serverDirectory('toxiproxy'),
    ready: async () => {
      await ask(`${api}/version`)
    },
  })
  return Object.assign(server, { version, proxy: (options: ProxyOptions) => openProxy(api, options) })
}

async function openProxy(api: string, options: ProxyOptions): Promise<WireProxy> {
  const { name, upstream, cutBytes = 300, slow = { latencyMs: 500, kilobytesPerSecond: 256 } } = options
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const own = `${api}/proxies/${name}`
  await ask(`${api}/proxies`, 'POST', { name, listen: address, upstream, enabled: true })

  const spoil = async (type: string, attributes: Record<string, number>): Promise<void> => {
    await ask(`${own}/toxics`, 'POST', { name: type, type, stream: 'downstream', attributes })
  }
  const faults: Record<WireFault, () => Promise<void>> = {
    refuse: async () => {
      await ask(own, 'POST', { enabled: false })
    },
    hang: () => spoil('timeout', { timeout: 0 }),
    reset: () => spoil('reset_peer', { timeout: 0 }),
    slow: async () => {
      await spoil('latency', { latency: slow.latencyMs, jitter: Math.round(slow.latencyMs / 5) })
      await spoil('bandwidth', { rate: slow.kilobytesPerSecond })
    },
    cut: () => spoil('limit_data', { bytes: cutBytes }),
  }

  return {
    address,
    port,
    fail: (fault) => faults[fault](),
    async heal() {
      const { toxics } = (await ask(own)) as { toxics: { name: string }[] }
      for (const toxic of toxics) await ask(`${own}/toxics/${toxic.name}`, 'DELETE')
      await ask(own, 'POST', { enabled: true })
    },
    async redirect(to) {
      await ask(own, 'POST', { listen: address, upstream: to, enabled: true })
    },
  }
}

async function ask(url: string, method = 'GET', body?: object): Promise<unknown> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(requestTimeoutMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`toxiproxy answered ${response.status} to ${method} ${url}: ${text}`)
  return response.headers.get('content-type')?.includes('json') === true ? JSON.parse(text) : text
}

/** Fetches and builds it without starting it: a minute the first time. */
export async function buildToxiproxy(): Promise<string> {
  return cached(`toxiproxy-${version}`, async (directory) => {
    const go = await findGo('toxiproxy')
    const program = `github.com/Shopify/toxiproxy/v2/cmd/server@v${version}`
    try {
      await run({ command: go, args: ['install', '-trimpath', program], environment: { GOBIN: directory } })
    } catch (cause) {
      const reason = `toxiproxy ${version} could not be built: ${(cause as Error).message}`
      throw new UnavailableError(
        { name: 'toxiproxy', reason, remedy: 'give Go access to its module proxy' },
        { cause },
      )
    }
    await rename(join(directory, 'server'), join(directory, 'toxiproxy-server'))
  })
}
