import type { FastifyInstance } from 'fastify'
import { VelocastError } from '../platform/errors.ts'
import type { HealthSource, ProcessState } from '../platform/http/health-routes.ts'
import type { Platform } from '../platform/service.ts'
import type { EventStreams } from './live/event-streams.ts'
import type { LookUpReader } from './look-up-view.ts'

/** What the routes read. */
export interface ApiDependencies {
  platform: Pick<Platform, 'config' | 'clock' | 'logger' | 'metrics' | 'lookUps' | 'objects'>
  reader: LookUpReader
  streams: EventStreams
  sources: () => HealthSource[]
  state: ProcessState
}

/** Adds routes to the API. */
export type Routes = (server: FastifyInstance, dependencies: ApiDependencies) => void

/** The error of a system that is neither configured nor published. */
export function unknownSystem(system: string): VelocastError {
  return new VelocastError({
    code: 'not_found',
    message: `system is not known, /v1/systems lists them all: ${system}`,
  })
}

/** `view` of a published system. Throws `not_found` when it is unknown, or its first poll is not in yet. */
export function published<View>({ platform }: ApiDependencies, system: string, view: View | null): View {
  if (view !== null) return view
  if (!platform.config.systems.some(({ id }) => id === system)) throw unknownSystem(system)
  throw new VelocastError({
    code: 'not_found',
    message: `system has no data yet, ask again after its first poll: ${system}`,
  })
}
