import { type Routes, unknownSystem } from '../dependencies.ts'
import { answers, noQuery, systemParams } from '../schemas.ts'

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
}

/** Milliseconds after which a browser connects again. */
const RETRY_MS = 3000

/** `/v1/systems/:system/events`: server-sent events `update` and `heartbeat` (docs/api.md). */
export const eventRoutes: Routes = (server, { platform, reader, streams }) => {
  server.get<{ Params: { system: string } }>(
    '/v1/systems/:system/events',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['live'],
        summary: 'Server-sent events: the whole state once, then every change, and heartbeats',
        params: systemParams,
        querystring: noQuery,
        response: {
          ...answers('Artefact', '', [400, 404, 503]),
          200: {
            description: 'Events `update` (a compact state, whole or changed rows) and `heartbeat`',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
        },
      },
    },
    async ({ id, params: { system } }, reply) => {
      const configured = platform.config.systems.some((candidate) => candidate.id === system)
      if (!configured && (await reader.state(system)) === null) throw unknownSystem(system)
      streams.admit()
      reply.hijack()
      reply.raw.writeHead(200, { ...HEADERS, 'x-request-id': id })
      reply.raw.write(`retry: ${RETRY_MS}\n\n`)
      if (reply.raw.destroyed) return
      streams.open({ system, sink: reply.raw })
    },
  )
}
