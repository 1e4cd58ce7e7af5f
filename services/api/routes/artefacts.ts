import { servingPath } from '../../domain/serving-forecast.ts'
import { VelocastError } from '../../platform/errors.ts'
import { artefactMaxAge, monitoringPath } from '../artefact-path.ts'
import type { Routes } from '../dependencies.ts'
import { answers, artefactParams, noQuery, servingParams } from '../schemas.ts'

/** Forecast files are rewritten with every poll; a cache may be one poll behind. */
const SERVING_MAX_AGE = 60

/** Artefacts straight from the object store, only below `serving/` and `monitoring/`. */
export const artefactRoutes: Routes = (server, { platform }) => {
  const read = async (path: string): Promise<Buffer> => {
    const object = await platform.objects.get(path)
    if (object !== null) return object.bytes
    throw new VelocastError({
      code: 'not_found',
      message: `artefact is not there, it may not have been written yet: ${path}`,
    })
  }

  server.get<{ Params: { system: string; horizon: string } }>(
    '/v1/systems/:system/serving/forecast/h:horizon/latest.json',
    {
      schema: {
        tags: ['artefacts'],
        summary: 'The newest forecasts of one horizon, as the file that the forecast service wrote',
        params: servingParams,
        querystring: noQuery,
        response: answers('Artefact', 'The file, as it was written', [400, 404, 503]),
      },
    },
    async ({ params: { system, horizon } }, reply) => {
      const bytes = await read(servingPath({ system, horizon: Number(horizon) }))
      return reply
        .header('cache-control', `public, max-age=${SERVING_MAX_AGE}`)
        .type('application/json; charset=utf-8')
        .send(bytes)
    },
  )

  server.get<{ Params: { system: string; '*': string } }>(
    '/v1/systems/:system/monitoring/*',
    {
      schema: {
        tags: ['artefacts'],
        summary: 'A monitoring artefact: health, freshness, drift',
        params: artefactParams,
        querystring: noQuery,
        response: answers('Artefact', 'The artefact, as it was written', [400, 404, 503]),
      },
    },
    async ({ params }, reply) => {
      const path = monitoringPath({ system: params.system, rest: params['*'] })
      const bytes = await read(path)
      return reply
        .header('cache-control', `public, max-age=${artefactMaxAge(path)}`)
        .type('application/json; charset=utf-8')
        .send(bytes)
    },
  )
}
