/**
 * Measures windows and forecasts of one city and prints a table, medians in ms:
 * `node test/forecast/measure.ts [redis://host:port] [stations]`. Without Redis the stores are in memory.
 */
import { pino } from 'pino'
import { BIN_MS } from '../../services/domain/bin.ts'
import { CORE_FEATURES, computeFeatures } from '../../services/domain/features.ts'
import { readWindow } from '../../services/domain/ring.ts'
import { SystemWindow } from '../../services/domain/system-window.ts'
import { createForecastService } from '../../services/forecast/service.ts'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import type { LookUpStore } from '../../services/platform/look-up-store/port.ts'
import { openRedisLookUpStore } from '../../services/platform/look-up-store/redis.ts'
import { openInference } from '../../services/platform/onnx/inference.ts'
import { buildPersistencePack } from '../../services/platform/onnx/persistence-pack.ts'
import { openMemoryWindowStore } from '../../services/platform/window-store/memory.ts'
import type { WindowStore } from '../../services/platform/window-store/port.ts'
import { openRedisWindowStore } from '../../services/platform/window-store/redis.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { BIN, observation } from '../domain/observations.ts'
import { lookUp } from '../platform/look-up-store.conformance.ts'
import { openPlatform, type Poll, publishPolls, settled } from '../windows/pipeline.ts'

const [url, count = '1500'] = process.argv.slice(2)
const stations = Number(count)
const logger = pino({ level: 'warn' })
const ids = Array.from({ length: stations }, (_, place) => String(1_002_059_000 + place))

const windows = (): WindowStore =>
  url === undefined ? openMemoryWindowStore() : openRedisWindowStore({ url, ttlMs: 600_000, logger })
const lookUps = (): LookUpStore =>
  url === undefined ? openMemoryLookUpStore() : openRedisLookUpStore({ url, logger })

async function measure(name: string, runs: number, work: (run: number) => unknown): Promise<void> {
  const times: number[] = []
  for (let run = 0; run < runs; run += 1) {
    const begun = performance.now()
    await work(run)
    times.push(performance.now() - begun)
  }
  times.sort((a, b) => a - b)
  const at = (share: number): string => times[Math.floor(share * (times.length - 1))]!.toFixed(2)
  console.log(
    `${name.padEnd(62)} median ${at(0.5).padStart(8)}  p95 ${at(0.95).padStart(8)}  ms, ${runs} runs`,
  )
}

const pollAt = (place: number): Poll => ({
  poll_id: `poll-${place}`,
  observations: ids.map((station_id, poll_index) =>
    observation({
      station_id,
      poll_id: `poll-${place}`,
      poll_index,
      poll_count: stations,
      ts_utc: BIN + place * 60_000,
      bikes: (place + poll_index) % 30,
      system: 'measured',
    }),
  ),
  poll: { system: 'measured', ts_utc: BIN + place * 60_000, fetched_utc: BIN + place * 60_000 + 9_000 },
})

console.log(`${stations} stations, ${url === undefined ? 'memory' : 'redis'}, node ${process.version}`)
const window = new SystemWindow('measured')
for (let place = 0; place < 75; place += 1) window.merge(pollAt(5 * place).observations!)
const store = windows()
const epoch = await store.claim('measured')
const owner = { system: 'measured', epoch, newestBin: window.newestBin! }
const { slots } = window.merge([])
await measure('window store: restore every station whole', 5, () =>
  store.restore({ ...owner, rings: window.packed() }),
)
await measure('window store: write one slot a station (one Lua call)', 50, () =>
  store.write({ ...owner, slots }),
)
await measure('window store: read every ring', 30, () => store.read('measured', ids))
const rings = (await store.read('measured', ids)) as Buffer[]
await measure('domain: merge one poll', 30, (run) => window.merge(pollAt(376 + run).observations!))
await measure('domain: 18 core features of every station', 30, () => {
  for (const ring of rings) {
    const { window: past } = readWindow({
      ring,
      tbin: BIN + 74 * BIN_MS,
      lags: [0, 1, 2, 3, 6, 12, 24, 36, 48],
    })
    computeFeatures({ window: past, station: { name: null, lat: null, lon: null }, names: CORE_FEATURES })
  }
})
const inference = openInference()
const model = await inference.load(buildPersistencePack([15]).files[0]!.bytes)
await measure('onnx: persistence batch of every station, thread and back', 30, () =>
  model.run({
    input: 'features',
    outputs: ['bikes_mean', 'docks_mean'],
    values: new Float32Array(stations * 2),
    rows: stations,
    columns: 2,
  }),
)
await inference.close()
await store.close()

const platform = await openPlatform(
  { systems: [{ id: 'measured', discovery_url: 'https://measured.example/gbfs.json' }] },
  { windows: windows(), lookUps: lookUps(), logger },
)
const windowsService = createWindowsService(platform)
const forecastService = createForecastService(platform)
await windowsService.start()
await forecastService.start()
for (let place = 0; place < 5; place += 1) await publishPolls(platform, [pollAt(place)])
await settled(windowsService)
await settled(forecastService)
await measure('windows service: one poll, log to log', 20, async (run) => {
  await publishPolls(platform, [pollAt(5 + run)])
  await settled(windowsService)
})
await settled(forecastService)
await measure('poll published to forecasts, look-ups and files, both services', 20, async (run) => {
  await publishPolls(platform, [pollAt(25 + run)])
  await settled(windowsService)
  await settled(forecastService)
})
await windowsService.close()
await forecastService.close()

const rows = await platform.lookUps.stations('measured')
const meta = (await platform.lookUps.system('measured'))!
await measure('look-up store: publish every station', 20, () =>
  platform.lookUps.publish({ system: meta, rows, ttlSeconds: 600 }),
)
await measure('look-up store: read every station', 10, () => platform.lookUps.stations('measured'))
await measure('look-up store: read one station', 50, () =>
  platform.lookUps.station('measured', lookUp('', ids[3]!).station_id),
)
await platform.windows.close()
await platform.lookUps.close()
await platform.log.close()
