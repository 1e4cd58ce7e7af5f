import { join } from 'node:path'
import { pino } from 'pino'
import { createApiService } from '../../services/api/service.ts'
import { openPlatform, prepareTopics } from '../../services/cli/composition.ts'
import { createForecastService } from '../../services/forecast/service.ts'
import { createPollPipeline } from '../../services/ingest/pipeline.ts'
import { informationOf } from '../../services/ingest/simulator/record.ts'
import { loadConfig } from '../../services/platform/config-file.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { type Benchmark, type Figure, quantile, rate, timed } from './benchmark.ts'
import { CITY, cityPolls, statusAnswer } from './simulated-city.ts'

/** Requests that run at once. */
const CONNECTIONS = 16

/** The HTTP API over look-ups in memory, a city of 1,500 stations; the caller shares the thread with the server. */
export const api: Benchmark = {
  name: 'api',
  async run({ quick, directory }) {
    const config = loadConfig({
      env: {},
      overrides: {
        data: join(directory, 'data'),
        http: { port: 0 },
        systems: [{ id: CITY, name: 'Measured', discovery_url: 'http://127.0.0.1/gbfs.json' }],
      },
    })
    const { platform, close } = await openPlatform({ config, logger: pino({ level: 'error' }) })
    await prepareTopics(platform)
    const services = [createForecastService(platform), createWindowsService(platform)]
    const http = createApiService(platform)
    for (const service of [...services, http]) await service.start()
    try {
      const pipeline = createPollPipeline({ platform, system: { id: CITY }, source: 'simulate' })
      let station = ''
      // Forecasts are withheld once they are old, by the clock of the reader.
      const start = Math.floor(Date.now() / 60_000 - 2) * 60_000
      for (const poll of cityPolls({ polls: 2, start })) {
        const stations = informationOf(poll)
        station = stations[3]!.station_id
        await pipeline.information(stations, poll.fetched_utc)
        const { poll_id } = await pipeline.handle(statusAnswer(poll))
        while ((await platform.lookUps.system(CITY))?.poll_id !== poll_id) await platform.clock.sleep(5)
      }
      const figures: Figure[] = []
      for (const path of [
        '/v1/systems',
        `/v1/systems/${CITY}`,
        `/v1/systems/${CITY}/stations/${station}`,
        `/v1/systems/${CITY}/stations`,
        `/v1/systems/${CITY}/forecasts`,
      ]) {
        figures.push(await route(http.url, path, quick))
      }
      return figures
    } finally {
      for (const service of [http, ...services]) await service.close()
      await close()
    }
  },
}

async function route(url: string, path: string, quick: boolean): Promise<Figure> {
  let bytes = 0
  const get = async (): Promise<void> => {
    const answer = await fetch(`${url}${path}`)
    const body = await answer.arrayBuffer()
    if (answer.status !== 200) throw new Error(`${path} answers ${answer.status}`)
    bytes = body.byteLength
  }
  const single = await timed({ runs: quick ? 10 : 100, warm: 10, work: get })
  const rounds = quick ? 2 : 20
  const begun = performance.now()
  for (let round = 0; round < rounds; round += 1) await Promise.all(Array.from({ length: CONNECTIONS }, get))
  const many = rate(rounds * CONNECTIONS, performance.now() - begun, 'requests/s')
  return {
    work: `GET ${path.replace(/[^/]+$/, (last) => (/^\d/.test(last) ? '<station>' : last))}, ${bytes.toLocaleString('en-GB')} bytes`,
    asked: '',
    aim: '',
    measured: `p50 ${quantile(single, 0.5).toFixed(1)} ms, ${many} at ${CONNECTIONS} at once`,
  }
}
