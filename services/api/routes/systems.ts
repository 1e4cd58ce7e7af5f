import type { SystemLookUp } from '../../platform/look-up-store/port.ts'
import { published, type Routes } from '../dependencies.ts'
import { answers, noQuery, systemParams } from '../schemas.ts'

interface SystemEntry {
  system: string
  name: string | null
  timezone: string
  state: SystemLookUp | null
}

/** `/v1/systems` and `/v1/systems/:system`. */
export const systemRoutes: Routes = (server, dependencies) => {
  const { platform, reader } = dependencies

  server.get(
    '/v1/systems',
    {
      schema: {
        tags: ['systems'],
        summary: 'Every system: those configured, and those published by other processes',
        querystring: noQuery,
        response: answers('Systems', 'Configured systems first', [400, 503]),
      },
    },
    async (_, reply) => {
      const states = new Map((await reader.systems()).map((state) => [state.system, state]))
      const systems: SystemEntry[] = platform.config.systems.map(({ id, name, timezone }) => ({
        system: id,
        name: name ?? null,
        timezone,
        state: states.get(id) ?? null,
      }))
      const configured = new Set(systems.map(({ system }) => system))
      for (const state of states.values()) {
        if (configured.has(state.system)) continue
        systems.push({ system: state.system, name: null, timezone: 'UTC', state })
      }
      return reply.header('cache-control', 'no-cache').send({ systems })
    },
  )

  server.get<{ Params: { system: string } }>(
    '/v1/systems/:system',
    {
      schema: {
        tags: ['systems'],
        summary: 'State of one system: its newest poll, staleness, horizons and models',
        params: systemParams,
        querystring: noQuery,
        response: answers('System', 'As of the newest poll', [400, 404, 503]),
      },
    },
    async ({ params: { system } }, reply) => {
      const state = published(dependencies, system, await reader.state(system))
      return reply.header('cache-control', 'no-cache').send(state)
    },
  )
}
