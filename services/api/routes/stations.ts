import type { Forecast } from '../../domain/forecast.ts'
import { VelocastError } from '../../platform/errors.ts'
import type { SystemLookUp } from '../../platform/look-up-store/port.ts'
import { published, type Routes } from '../dependencies.ts'
import { usableLookUp } from '../look-up-view.ts'
import { answers, horizonQuery, noQuery, stationParams, systemParams } from '../schemas.ts'

/** Stations as they are now, one station with its forecast, and all forecasts of a system. */
export const stationRoutes: Routes = (server, dependencies) => {
  const { platform, reader } = dependencies

  server.get<{ Params: { system: string } }>(
    '/v1/systems/:system/stations',
    {
      schema: {
        tags: ['stations'],
        summary: 'Every station as it is now, without forecasts',
        params: systemParams,
        querystring: noQuery,
        response: answers('Stations', 'Sorted by station id', [400, 404, 503]),
      },
    },
    async ({ params: { system } }, reply) => {
      const { state, stations } = published(dependencies, system, await reader.view(system))
      return reply.header('cache-control', 'no-cache').send({ system: state, stations })
    },
  )

  server.get<{ Params: { system: string; station: string } }>(
    '/v1/systems/:system/stations/:station',
    {
      schema: {
        tags: ['stations'],
        summary: 'One station, now and forecast',
        params: stationParams,
        querystring: noQuery,
        response: answers('Station', 'The station', [400, 404, 503]),
      },
    },
    async ({ params: { system, station } }, reply) => {
      const { source } = published(dependencies, system, await reader.state(system))
      const lookUp = await reader.station(system, station)
      if (lookUp === null) {
        throw new VelocastError({
          code: 'not_found',
          message: `station is not known in ${system}, its stations route lists them all: ${station}`,
        })
      }
      const usable = usableLookUp({ lookUp, source, now: platform.clock.now() })
      return reply.header('cache-control', 'no-cache').send(usable)
    },
  )

  server.get<{ Params: { system: string }; Querystring: { horizon?: number } }>(
    '/v1/systems/:system/forecasts',
    {
      schema: {
        tags: ['forecasts'],
        summary: 'Every usable forecast of a system, of all horizons or of one',
        params: systemParams,
        querystring: horizonQuery,
        response: answers('Forecasts', 'None when withheld', [400, 404, 503]),
      },
    },
    async ({ params: { system }, query: { horizon } }, reply) => {
      const view = published(dependencies, system, await reader.view(system))
      const horizons = chosenHorizons({ state: view.state, horizon })
      const now = platform.clock.now()
      const forecasts = view.stations.flatMap((lookUp) => {
        const { forecast } = usableLookUp({ lookUp, source: view.state.source, now })
        return forecast === null ? [] : [onlyHorizons({ forecast, horizons })]
      })
      return reply.header('cache-control', 'no-cache').send({ system: view.state, horizons, forecasts })
    },
  )
}

function chosenHorizons({ state, horizon }: { state: SystemLookUp; horizon: number | undefined }): number[] {
  if (horizon === undefined) return state.horizons
  if (state.horizons.includes(horizon)) return [horizon]
  throw new VelocastError({
    code: 'request_invalid',
    message: `query horizon is not forecast for ${state.system}, take one of ${state.horizons.join(', ')}: ${horizon}`,
  })
}

function onlyHorizons({ forecast, horizons }: { forecast: Forecast; horizons: number[] }): Forecast {
  return {
    ...forecast,
    horizons: forecast.horizons.filter(({ horizon_min }) => horizons.includes(horizon_min)),
  }
}
