import { once } from 'node:events'
import { startSimulator } from '../../ingest/simulator/server.ts'
import { VelocastError } from '../../platform/errors.ts'
import type { SimulateOptions } from '../commands/simulate.ts'
import { createOutput } from '../output.ts'

export async function simulate({ gbfs, speed: pace, json, ...options }: SimulateOptions): Promise<void> {
  if (pace === 'max')
    throw new VelocastError({
      code: 'request_invalid',
      message: 'speed of a simulation must be a number: max',
    })
  const city = await startSimulator({ ...options, version: gbfs, speed: pace })
  createOutput({ json: json === true }).result(
    { url: city.url, discovery_url: city.discoveryUrl, weather_url: city.weatherUrl },
    (shown) => `GBFS ${gbfs}: ${shown.discovery_url}\nWeather: ${shown.weather_url}`,
  )
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  await city.close()
}
