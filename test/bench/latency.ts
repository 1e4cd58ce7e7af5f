import { join } from 'node:path'
import { pino } from 'pino'
import { openPlatform, prepareTopics } from '../../services/cli/composition.ts'
import { createForecastService } from '../../services/forecast/service.ts'
import { createPollPipeline } from '../../services/ingest/pipeline.ts'
import { informationOf } from '../../services/ingest/simulator/record.ts'
import { createMonitorService } from '../../services/monitor/service.ts'
import { loadConfig } from '../../services/platform/config-file.ts'
import type { Platform } from '../../services/platform/service.ts'
import { createSinkService } from '../../services/sink/service.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { type Benchmark, type Figure, milliseconds } from './benchmark.ts'
import { startServers } from './servers.ts'
import { CITY, cityPolls, statusAnswer } from './simulated-city.ts'

/** Looks at the look-ups this often while it waits, ms. */
const LOOK_MS = 2
const REST_MS = 300

/** From an answer in hand to its forecasts in the look-ups, every service running, one poll at a time. */
export const latency: Benchmark = {
  name: 'latency',
  async run({ quick, directory }) {
    const figures = [await measure('in one process', { VELOCAST_DATA: join(directory, 'embedded') }, quick)]
    const servers = await startServers()
    try {
      const environment = { VELOCAST_DATA: join(directory, 'real'), ...servers.environment }
      figures.push(await measure('on Kafka, Redis and GCS emulator', environment, quick))
    } finally {
      await servers.stop()
    }
    return figures
  },
}

async function measure(where: string, environment: Record<string, string>, quick: boolean): Promise<Figure> {
  const config = loadConfig({ env: environment })
  const { platform, close } = await openPlatform({ config, logger: pino({ level: 'error' }) })
  const { metrics: _, ...shared } = platform
  await prepareTopics(platform)
  const services = [
    createMonitorService(platform),
    createSinkService(platform),
    createForecastService(platform),
    createWindowsService(platform),
  ]
  for (const service of services) await service.start()
  const times: number[] = []
  try {
    const pipeline = createPollPipeline({
      platform: { ...shared, metrics: platform.metrics },
      system: { id: CITY },
      source: 'simulate',
    })
    let number = 0
    for (const poll of cityPolls({ polls: quick ? 10 : 60 })) {
      if (number === 0) await pipeline.information(informationOf(poll), poll.fetched_utc)
      const begun = performance.now()
      const { poll_id } = await pipeline.handle(statusAnswer(poll))
      await forecastOf(platform, poll_id)
      if (number >= 5) times.push(performance.now() - begun)
      number += 1
      await platform.clock.sleep(REST_MS)
    }
  } finally {
    for (const service of services) await service.close()
    await close()
  }
  const measured = milliseconds(times.sort((a, b) => a - b))
  return {
    work: `feed answer of 1,500 stations to forecasts in the look-ups, ${where}`,
    asked: 'p95 2,000 ms',
    aim: '500 ms',
    measured,
  }
}

async function forecastOf(platform: Platform, pollId: string): Promise<void> {
  const limit = performance.now() + 60_000
  while (performance.now() < limit) {
    if ((await platform.lookUps.system(CITY))?.poll_id === pollId) return
    await platform.clock.sleep(LOOK_MS)
  }
  throw new Error(`poll has no forecast after a minute: ${pollId}`)
}
