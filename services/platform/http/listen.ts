import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { VelocastError } from '../errors.ts'

/**
 * Listens and gives the address to open, `http://host:port`. Throws `port_in_use` when another process has the
 * port, and `config_invalid` when this machine can't listen there.
 */
export async function listen({
  server,
  host,
  port,
}: {
  server: FastifyInstance
  host: string
  port: number
}): Promise<string> {
  try {
    await server.listen({ host, port, listenTextResolver: () => 'http listens' })
  } catch (error) {
    throw listenError({ error, host, port })
  }
  const address = server.server.address() as AddressInfo
  return `http://${reachable(host)}:${address.port}`
}

/** A host that listens on every interface is opened through the loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

function listenError({ error, host, port }: { error: unknown; host: string; port: number }): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new VelocastError({
      code: 'port_in_use',
      message: `http port is taken, set http.port to another or to 0 for a free one: ${host}:${port}`,
      cause: error,
      data: { host, port },
    })
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new VelocastError({
      code: 'config_invalid',
      message: `http address is not one that this machine may listen on, set http.host and http.port: ${host}:${port}`,
      cause: error,
      data: { host, port },
    })
  }
  return error
}
