import { pino } from 'pino'
import { Registry } from 'prom-client'
import { stringify } from 'yaml'
import { systemClock } from '../platform/clock.ts'
import { configSchema } from '../platform/config.ts'
import type { LookUpStore } from '../platform/look-up-store/port.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { EventStreams } from './live/event-streams.ts'
import { LookUpReader } from './look-up-view.ts'
import { createApiServer } from './server.ts'

/** The description of the API as YAML, made from the routes themselves. Nothing is read and nothing listens. */
export async function openApiYaml(): Promise<string> {
  const unused = async (): Promise<never> => {
    throw new Error('describing the api reads nothing')
  }
  const lookUps: LookUpStore = {
    publish: unused,
    systems: unused,
    system: unused,
    station: unused,
    stations: unused,
    close: unused,
  }
  const objects: ObjectStore = {
    get: unused,
    put: unused,
    list: unused,
    delete: unused,
    download: unused,
    upload: unused,
  }
  const platform = {
    config: configSchema.parse({}),
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    lookUps,
    objects,
  }
  const reader = new LookUpReader({ store: lookUps })
  const server = await createApiServer({
    platform,
    reader,
    streams: new EventStreams({ ...platform, reader }),
    sources: () => [],
    state: { draining: false, failure: null },
  })
  await server.ready()
  const description = server.swagger()
  await server.close()
  return stringify(description, { lineWidth: 110 })
}
