import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import type { HealthCheck } from '../service.ts'

/** Whatever can say how it is: every `Service` is one. */
export interface HealthSource {
  readonly name: string
  health(): HealthCheck[]
}

/** What the owner of a process knows of it beyond its services' checks. */
export interface ProcessState {
  draining: boolean
  /** Why it can't go on; null while it can. */
  failure: string | null
}

interface NamedCheck extends HealthCheck {
  service: string
}

/** JSON schema of the probes' answers. */
const answerSchema = {
  $id: 'Health',
  type: 'object',
  required: ['status', 'checks'],
  properties: {
    status: { type: 'string', enum: ['ok', 'unavailable'] },
    checks: {
      type: 'array',
      items: {
        type: 'object',
        required: ['service', 'name', 'ok', 'detail'],
        properties: {
          service: { type: 'string' },
          name: { type: 'string' },
          ok: { type: 'boolean' },
          detail: { type: 'string' },
        },
      },
    },
  },
} as const
const probeAnswer = (description: string) => ({
  description,
  content: { 'application/json': { schema: { $ref: 'Health#' } } },
})
const schema = { tags: ['operation'], response: { 200: probeAnswer('Yes'), 503: probeAnswer('No') } }

/**
 * `/livez`: 503 once the process has failed for good: restart it. `/readyz`: 503 while any check is not ok, or it
 * drains: send it nothing. `/startupz`: 503 until every check was ok at the same time once. `/metrics`: Prometheus.
 *
 * `probe` runs before the checks of readyz and startupz are read, so that a check that only traffic would refresh
 * can recover without traffic; it must bound its own time.
 */
export function registerHealthRoutes(
  server: FastifyInstance,
  options: {
    sources: () => HealthSource[]
    state: ProcessState
    metrics: Registry
    probe?: () => Promise<void>
  },
): void {
  const { sources, state, metrics, probe = async () => undefined } = options
  let started = false
  server.addSchema(answerSchema)

  server.addHook('onSend', async (request, reply, payload) => {
    if (HEALTH_PATHS.has(request.routeOptions.url ?? '')) reply.header('cache-control', 'no-store')
    return payload
  })
  server.get('/livez', { schema: { ...schema, summary: 'Is the process able to go on?' } }, (_, reply) =>
    reply.code(state.failure === null ? 200 : 503).send(answer([processCheck(state)])),
  )
  server.get('/readyz', { schema: { ...schema, summary: 'Can it be sent work?' } }, async (_, reply) => {
    await probe()
    const checks = [processCheck(state), ...readChecks(sources())]
    const ok = !state.draining && allOk(checks)
    started ||= ok
    return reply.code(ok ? 200 : 503).send(answer(checks, ok))
  })
  server.get('/startupz', { schema: { ...schema, summary: 'Has it started?' } }, async (_, reply) => {
    if (!started) await probe()
    const checks = [processCheck(state), ...readChecks(sources())]
    started ||= allOk(checks)
    return reply.code(started ? 200 : 503).send(answer(checks, started))
  })
  server.get(
    '/metrics',
    {
      schema: {
        tags: ['operation'],
        summary: 'Metrics in the text format of Prometheus',
        response: {
          200: { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
        },
      },
    },
    async (_, reply) => {
      const text = await metrics.metrics()
      return reply.header('content-type', metrics.contentType).send(text)
    },
  )
}

const HEALTH_PATHS = new Set(['/livez', '/readyz', '/startupz', '/metrics'])

function processCheck({ draining, failure }: ProcessState): NamedCheck {
  const detail = failure ?? (draining ? 'draining' : 'running')
  return { service: 'process', name: 'running', ok: failure === null, detail }
}

/** A source that throws is not ok; the others are still read. */
function readChecks(sources: HealthSource[]): NamedCheck[] {
  return sources.flatMap((source): NamedCheck[] => {
    try {
      return source.health().map((check) => ({ service: source.name, ...check }))
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      return [{ service: source.name, name: 'health', ok: false, detail }]
    }
  })
}

function allOk(checks: NamedCheck[]): boolean {
  return checks.every((check) => check.ok)
}

function answer(checks: NamedCheck[], ok = allOk(checks)): { status: string; checks: NamedCheck[] } {
  return { status: ok ? 'ok' : 'unavailable', checks }
}
