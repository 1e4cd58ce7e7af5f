import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { answerConditionally } from '../platform/http/conditional.ts'
import { registerHealthRoutes } from '../platform/http/health-routes.ts'
import { createHttpServer } from '../platform/http/server.ts'
import type { ApiDependencies } from './dependencies.ts'
import { artefactRoutes } from './routes/artefacts.ts'
import { eventRoutes } from './routes/events.ts'
import { modelRoutes } from './routes/model.ts'
import { pageRoutes } from './routes/page.ts'
import { stationRoutes } from './routes/stations.ts'
import { systemRoutes } from './routes/systems.ts'
import { trainRoutes } from './routes/train.ts'
import { NAMED_SCHEMAS } from './schemas.ts'

/** Version of the HTTP API: the major one is in the paths. */
const API_VERSION = '1.0.0'

/** Longest wait for the look-up store before readiness is judged, ms: below a probe's usual 5 s. */
const PROBE_MS = 2000

/** The API with every route, not listening yet. */
export async function createApiServer(dependencies: ApiDependencies): Promise<FastifyInstance> {
  const { platform, reader, sources, state } = dependencies
  const server = createHttpServer({ logger: platform.logger, metrics: platform.metrics })
  for (const schema of NAMED_SCHEMAS) server.addSchema(schema)
  await server.register(swagger, {
    refResolver: { buildLocalReference: ({ $id }) => String($id) },
    transform: ({ schema, url }) => ({ schema: nameWildcard(schema), url: url.replace('*', ':path') }),
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Velocast',
        version: API_VERSION,
        description:
          'Bikeshare stations now and forecast. Read-only but for training, which needs a token. Times are epoch milliseconds, UTC.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      tags: [
        { name: 'systems', description: 'Which systems there are and how they are' },
        { name: 'stations', description: 'Stations now' },
        { name: 'forecasts', description: 'Stations at each horizon' },
        { name: 'live', description: 'Changes as they come' },
        { name: 'artefacts', description: 'Files that the services wrote' },
        { name: 'training', description: 'Training runs on request' },
        { name: 'operation', description: 'Probes and metrics' },
      ],
    },
  })
  await server.register(async (scope) => {
    await answerConditionally(scope)
    for (const routes of [systemRoutes, stationRoutes, modelRoutes, artefactRoutes, trainRoutes, pageRoutes])
      routes(scope, dependencies)
    scope.get(
      '/openapi.json',
      {
        schema: {
          tags: ['operation'],
          summary: 'This description',
          response: {
            200: { type: 'object', description: 'OpenAPI 3.1', additionalProperties: true },
          },
        },
      },
      (_, reply) => reply.header('cache-control', 'no-cache').send(server.swagger()),
    )
  })
  await server.register(async (scope) => {
    eventRoutes(scope, dependencies)
    registerHealthRoutes(scope, {
      sources,
      state,
      metrics: platform.metrics,
      probe: async () => {
        const patience = new AbortController()
        const read = reader.systems().catch(() => undefined)
        await Promise.race([read, platform.clock.sleep(PROBE_MS, patience.signal)])
        patience.abort()
      },
    })
  })
  return server
}

/** The description calls a route's wildcard `path`. */
function nameWildcard(schema: FastifySchema): FastifySchema {
  const params = schema?.params as { properties: Record<string, unknown> } | undefined
  if (params?.properties['*'] === undefined) return schema
  const { '*': path, ...properties } = params.properties
  return { ...schema, params: { ...params, required: undefined, properties: { ...properties, path } } }
}
