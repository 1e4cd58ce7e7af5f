import { randomUUID } from 'node:crypto'
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify'
import type { Logger } from 'pino'
import { Counter, Histogram, type Registry } from 'prom-client'
import { VelocastError } from '../errors.ts'
import { errorAnswer, errorSchema } from './error-answer.ts'

/** Longest value of a path parameter, characters: station ids of real feeds reach 64. */
const MAX_PARAMETER_LENGTH = 256
/** No route takes more than a name. */
const BODY_LIMIT_BYTES = 1024
/** A client has this long to send its request, ms. */
const REQUEST_TIMEOUT_MS = 30_000

/** What a validator says of one value, as Ajv gives it with `verbose`. */
interface SchemaProblem {
  instancePath: string
  message?: string
  params: Record<string, unknown>
  data?: unknown
}

/**
 * An HTTP server with what every one of ours has: request ids (`x-request-id`), errors as `{ error: { code,
 * message } }`, strict query strings, and the metrics `velocast_http_requests_total{method,route,status}` and
 * `velocast_http_request_seconds{method,route}`. It does not listen yet.
 */
export function createHttpServer({
  logger,
  metrics,
}: {
  logger: Logger
  metrics: Registry
}): FastifyInstance {
  const server = fastify({
    loggerInstance: logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    forceCloseConnections: 'idle',
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    frameworkErrors: (error, request, reply) => {
      const { status, body } = errorAnswer({ error, requestId: request.id })
      reply.hijack()
      reply.raw.writeHead(status, {
        'content-type': 'application/json; charset=utf-8',
        'x-request-id': request.id,
      })
      reply.raw.end(JSON.stringify(body))
    },
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    ajv: { customOptions: { removeAdditional: false, verbose: true, allErrors: false } },
    schemaErrorFormatter: (errors, part) => schemaError({ problem: errors[0] as SchemaProblem, part }),
  })
  server.addSchema(errorSchema)
  server.setErrorHandler((error, request, reply) => {
    const { status, body } = errorAnswer({ error, requestId: request.id })
    if (status >= 500) request.log.error({ err: error, url: request.url }, 'request failed')
    if (status === 503) reply.header('retry-after', '5')
    reply.header('cache-control', 'no-store')
    return reply.code(status).type('application/json; charset=utf-8').send(body)
  })
  server.setNotFoundHandler((request) => {
    throw new VelocastError({
      code: 'not_found',
      message: `route is not known, /openapi.json lists them all: ${request.method} ${request.url}`,
    })
  })
  measure({ server, metrics })
  return server
}

function measure({ server, metrics }: { server: FastifyInstance; metrics: Registry }): void {
  const requests = new Counter({
    name: 'velocast_http_requests_total',
    help: 'Requests answered',
    labelNames: ['method', 'route', 'status'],
    registers: [metrics],
  })
  const seconds = new Histogram({
    name: 'velocast_http_request_seconds',
    help: 'Time from a request to the end of its answer, seconds; event streams are left out',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [metrics],
  })
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
  })
  server.addHook('onResponse', async (request, reply) => {
    const { method } = request
    const route = request.routeOptions.url ?? 'unknown'
    requests.inc({ method, route, status: String(reply.statusCode) })
    if (!String(reply.raw.getHeader('content-type')).startsWith('text/event-stream')) {
      seconds.observe({ method, route }, reply.elapsedTime / 1000)
    }
  })
}

const PARTS: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' }

function schemaError({ problem, part }: { problem: SchemaProblem; part: string }): VelocastError {
  const where = PARTS[part] ?? part
  const extra = problem.params.additionalProperty
  const name = problem.instancePath.replace(/^\//, '')
  const message =
    typeof extra === 'string'
      ? `${where} parameter is not known, /openapi.json lists them: ${extra}`
      : `${where} ${name} ${problem.message ?? 'is not valid'}: ${String(problem.data)}`
  return new VelocastError({ code: 'request_invalid', message })
}
