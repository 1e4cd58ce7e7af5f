import { createHash } from 'node:crypto'
import { existsSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPlatform, prepareTopics } from '../../services/cli/composition.ts'
import { everythingHandled, runServices } from '../../services/cli/lifecycle.ts'
import { readSlot } from '../../services/domain/slot.ts'
import { RING_SLOTS, SLOT_BYTES } from '../../services/domain/window.ts'
import { createForecastService } from '../../services/forecast/service.ts'
import { createReplayService, type ReplayService } from '../../services/ingest/replay/service.ts'
import { createMonitorService } from '../../services/monitor/service.ts'
import { systemClock } from '../../services/platform/clock.ts'
import { configSchema } from '../../services/platform/config.ts'
import { createLogger } from '../../services/platform/log.ts'
import type { Platform, Service } from '../../services/platform/service.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { createSinkService } from '../../services/sink/service.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { evolvedCodec } from './evolved-codec.ts'
import type { FoundRow } from './history.ts'
import type { ProcessPlan, ReaderName, RunState, ServiceName } from './process-plan.ts'

/**
 * One process of a run under test: the services of its plan (first argument, JSON) on the platform that its
 * configuration names, with a hook between every two steps of their commit protocols. With `untilExhausted` it ends by
 * itself once the recordings are replayed and all is written; a process of readers alone ends at the word `finish` on
 * its standard input, or at SIGTERM.
 */
const plan = JSON.parse(process.argv[2]!) as ProcessPlan
const config = configSchema.parse(plan.config)
const logger = createLogger(config.logging)
const opened = await openPlatform({ config, logger })
const shift = plan.clockShiftMs ?? 0
const platform: Platform = {
  ...opened.platform,
  ...(plan.version === undefined
    ? {}
    : { codec: evolvedCodec({ registryUrl: config.registry.url!, version: plan.version }) }),
  clock: { now: () => systemClock.now() + shift, sleep: systemClock.sleep },
}
const reached = new Map<string, number>()

/** Kills, slows or stops the process at a step, as the plan says. */
function faultOf(service: ServiceName): (step: string) => Promise<void> {
  const { kills = [], slowMs = {}, stopAt } = plan
  return async (step) => {
    const place = `${service} ${step}`
    const count = (reached.get(place) ?? 0) + 1
    reached.set(place, count)
    if (kills.some((kill) => kill.service === service && kill.step === step && kill.occurrence === count)) {
      writeSync(1, `killed at ${place}\n`)
      process.kill(process.pid, 'SIGKILL')
    }
    if (
      stopAt !== undefined &&
      stopAt.service === service &&
      stopAt.step === step &&
      stopAt.occurrence === count
    ) {
      process.kill(process.pid, 'SIGSTOP')
    }
    const slow = slowMs[service]
    if (slow !== undefined) await sleep(slow)
  }
}

const READERS: Record<ReaderName, () => Service> = {
  windows: () => createWindowsService(platform, { fault: faultOf('windows') }),
  forecast: () =>
    createForecastService(platform, {
      fault: faultOf('forecast'),
      serveIntervalMs: plan.ledgerIntervalMs ?? 0,
    }),
  sink: () =>
    createSinkService(platform, { fault: faultOf('sink'), ledgerIntervalMs: plan.ledgerIntervalMs ?? 0 }),
  monitor: () => createMonitorService(platform, { fault: faultOf('monitor'), artefactIntervalMs: 0 }),
}

// Its input ends with the test that started it: then nobody waits for it any more.
process.stdin.on('end', () => process.exit(1)).resume()
if ('unref' in process.stdin) (process.stdin as { unref(): void }).unref()

await prepareTopics(platform)
const readers = (['monitor', 'sink', 'forecast', 'windows'] as const)
  .filter((name) => plan.services.includes(name))
  .map((name) => READERS[name]())
const replayed = plan.replayedFile !== undefined && existsSync(plan.replayedFile)
const replays: ReplayService[] =
  replayed || !plan.services.includes('ingest')
    ? []
    : (plan.recordings ?? []).map(({ id, from }) =>
        createReplayService(platform, {
          system: id,
          from,
          speed: plan.speed ?? 'max',
          ...(plan.pace === undefined ? {} : { pace: plan.pace }),
          fault: faultOf('ingest'),
        }),
      )

await runServices({
  services: [...readers, ...replays],
  logger,
  close: opened.close,
  async until(signal) {
    process.stdout.write('started\n')
    if (!plan.services.includes('ingest')) await toldToFinish(signal)
    await Promise.all(replays.map(({ exhausted }) => exhausted))
    if (signal.aborted) return
    if (plan.replayedFile !== undefined) writeFileSync(plan.replayedFile, '')
    // The finishing order of the one process: what the monitor recomputes must be in Parquet first.
    const inOrder = [...readers].reverse()
    await everythingHandled({ services: inOrder, clock: platform.clock, signal })
    for (const reader of inOrder) if (!signal.aborted) await reader.finish()
    if (plan.stateFile !== undefined) writeFileSync(plan.stateFile, JSON.stringify(await stateOf(platform)))
  },
})

function toldToFinish(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
    process.stdin.on('data', (chunk) => {
      if (String(chunk).includes('finish')) resolve()
    })
  })
}

/** What is not in files: windows, look-ups, and of each bin the forecast of record. */
async function stateOf({ windows, lookUps, log, codec }: Platform): Promise<RunState> {
  const slots: FoundRow[] = []
  const contents: Record<string, string> = {}
  for (const { id: system } of config.systems) {
    for (const [station_id, packed] of await windows.load(system)) {
      contents[`window ${system}/${station_id}`] = sha256(packed)
      for (let place = 0; place < RING_SLOTS; place++) {
        const slot = readSlot(packed, place * SLOT_BYTES)
        if (slot === null) continue
        const { tbin_utc, ts_utc, fetched_utc, bikes, docks, ebike } = slot
        slots.push({ system, station_id, tbin_utc, ts_utc, fetched_utc, bikes, docks, ebike: ebike ?? 0 })
      }
    }
    for (const lookUp of await lookUps.stations(system))
      contents[`look-up ${system}/${lookUp.station_id}`] = sha256(JSON.stringify(lookUp))
  }
  const forecasts = new Map<string, { fetched: number; hash: string }>()
  await readAll(TOPICS.forecasts, async (values) => {
    for (const decoded of await codec.decode(TOPICS.forecasts, values)) {
      if (decoded instanceof Error) throw decoded
      if (decoded.name !== 'Forecast') continue
      const { system, station_id, tbin_utc, predicted_utc } = decoded.value
      const key = `forecast of record ${system}/${station_id} ${new Date(tbin_utc).toISOString()}`
      const known = forecasts.get(key)
      if (known !== undefined && known.fetched > predicted_utc) continue
      forecasts.set(key, { fetched: predicted_utc, hash: sha256(JSON.stringify(decoded.value)) })
    }
  })
  for (const [key, { hash }] of forecasts) contents[key] = hash
  return { windows: slots, contents }

  async function readAll(topic: string, take: (values: (Buffer | null)[]) => Promise<void>): Promise<void> {
    const group = `integrity-${process.pid}`
    const subscription = await log.subscribe({
      group,
      topics: [topic],
      async batch({ records }) {
        await take(records.map(({ value }) => value))
      },
    })
    for (;;) {
      const positions = await subscription.positions()
      if (positions.length > 0 && positions.every(({ offset, end }) => offset >= end)) break
      await sleep(20)
    }
    await subscription.close()
  }
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
