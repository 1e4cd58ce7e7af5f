import { type Routes, unknownSystem } from '../dependencies.ts'
import { readModelReport } from '../model-report.ts'
import { answers, noQuery, systemParams } from '../schemas.ts'

/** `/v1/systems/:system/model`: the newest model against persistence. */
export const modelRoutes: Routes = (server, { platform, reader }) => {
  server.get<{ Params: { system: string } }>(
    '/v1/systems/:system/model',
    {
      schema: {
        tags: ['systems'],
        summary: 'The newest model against persistence, and what it was trained on',
        params: systemParams,
        querystring: noQuery,
        response: answers('ModelReport', 'Version and span are null before a model', [400, 404, 503]),
      },
    },
    async ({ params: { system } }, reply) => {
      const configured = platform.config.systems.some(({ id }) => id === system)
      if (!configured && (await reader.state(system)) === null) throw unknownSystem(system)
      return reply.header('cache-control', 'no-cache').send(await readModelReport(platform.objects, system))
    },
  )
}
