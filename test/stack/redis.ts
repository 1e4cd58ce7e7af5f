import { connect } from 'node:net'
import { ensureCommand } from './debian.ts'
import { freePort } from './ports.ts'
import { type Server, serverDirectory, startServer } from './server.ts'

const probeTimeoutMs = 1_000

export type RedisOptions = {
  port?: number
  /** Appends every write to a file and syncs it, so that data outlives a kill and a restart. */
  durable?: boolean
  /** Settings as on redis-server's command line, without the dashes: `{ maxmemory: '64mb' }`. */
  settings?: Record<string, string>
}

export type RedisServer = Server & { url: string; port: number }

/**
 * Starts a Redis server that keeps nothing on disk unless it is durable.
 * @throws UnavailableError when redis-server is missing and cannot be installed
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const command = await ensureCommand({ command: 'redis-server', debianPackage: 'redis-server' })
  const port = options.port ?? (await freePort())
  const directory = await serverDirectory('redis')
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    save: '',
    appendonly: options.durable ? 'yes' : 'no',
    appendfsync: 'always',
    dir: directory,
    ...options.settings,
  }
  const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value])
  const server = await startServer({ name: 'redis', command, args, directory, ready: () => answers(port) })
  return Object.assign(server, { url: `redis://127.0.0.1:${port}`, port })
}

function answers(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.setTimeout(probeTimeoutMs, () => socket.destroy(new Error('redis did not answer in time')))
    socket.once('error', reject)
    socket.once('data', (answer) => {
      socket.destroy()
      if (answer.toString().startsWith('+PONG')) resolve()
      else reject(new Error(`redis answered ${answer}`))
    })
  })
}
