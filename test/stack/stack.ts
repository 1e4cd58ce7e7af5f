import { startGcs } from './gcs.ts'
import { startKafka } from './kafka.ts'
import { startRedis } from './redis.ts'
import { startRegistry } from './registry.ts'
import type { Server } from './server.ts'
import { type ServerName, serverNames, type Unavailable, UnavailableError } from './unavailable.ts'

/** A missing field is a server that was not asked for or is unavailable. */
export type Endpoints = {
  kafkaBrokers?: string[]
  registryUrl?: string
  redisUrl?: string
  gcsEndpoint?: string
}

export type Stack = {
  endpoints: Endpoints
  unavailable: Unavailable[]
  /** Stops the servers that were started; those named in the environment go on. */
  stop(): Promise<void>
}

type Part = { variable: string; given(value: string): Endpoints; start(): Promise<[Server, Endpoints]> }

const parts: Record<ServerName, Part> = {
  kafka: {
    variable: 'VELOCAST_TEST_KAFKA_BROKERS',
    given: (value) => ({ kafkaBrokers: value.split(',').map((broker) => broker.trim()) }),
    start: async () => {
      const server = await startKafka()
      return [server, { kafkaBrokers: server.brokers }]
    },
  },
  registry: {
    variable: 'VELOCAST_TEST_REGISTRY_URL',
    given: (registryUrl) => ({ registryUrl }),
    start: async () => {
      const server = await startRegistry()
      return [server, { registryUrl: server.url }]
    },
  },
  redis: {
    variable: 'VELOCAST_TEST_REDIS_URL',
    given: (redisUrl) => ({ redisUrl }),
    start: async () => {
      const server = await startRedis()
      return [server, { redisUrl: server.url }]
    },
  },
  gcs: {
    variable: 'VELOCAST_TEST_GCS_ENDPOINT',
    given: (gcsEndpoint) => ({ gcsEndpoint }),
    start: async () => {
      const server = await startGcs()
      return [server, { gcsEndpoint: server.endpoint }]
    },
  },
}

/**
 * Starts the named servers side by side; one whose endpoint the environment gives is used and not started.
 * @throws Error when a server is had but fails to start, and with CI set also when one is unavailable
 */
export async function startStack(names: readonly ServerName[] = serverNames): Promise<Stack> {
  const endpoints: Endpoints = {}
  const unavailable: Unavailable[] = []
  const servers: Server[] = []
  const failures: unknown[] = []

  async function provide(name: ServerName) {
    const part = parts[name]
    const given = process.env[part.variable]
    if (given) {
      Object.assign(endpoints, part.given(given))
      return
    }
    try {
      const [server, found] = await part.start()
      servers.push(server)
      Object.assign(endpoints, found)
    } catch (error) {
      if (error instanceof UnavailableError) {
        const remedy = `${error.unavailable.remedy}; or set ${part.variable}`
        unavailable.push({ name, reason: error.unavailable.reason, remedy })
      } else failures.push(error)
    }
  }

  async function stop() {
    await Promise.all(servers.map((server) => server.stop()))
  }

  await Promise.all(names.map(provide))
  if (isContinuousIntegration()) {
    failures.push(...unavailable.map((missing) => new UnavailableError(missing)))
  }
  if (failures.length > 0) {
    await stop()
    const messages = failures.map((failure) => (failure as Error).message)
    throw new AggregateError(failures, `test servers failed:\n${messages.join('\n')}`)
  }
  return { endpoints, unavailable, stop }
}

function isContinuousIntegration(): boolean {
  return !['', '0', 'false'].includes(process.env.CI ?? '')
}
