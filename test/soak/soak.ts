import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { openPlatform } from '../../services/cli/composition.ts'
import { configSchema } from '../../services/platform/config.ts'
import type { EventLog } from '../../services/platform/event-log/port.ts'
import { GROUPS, TOPICS } from '../../services/platform/topics.ts'
import { type Member, startMembers } from '../integrity/members.ts'
import type { ServiceName } from '../integrity/process-plan.ts'
import { startServers } from '../integrity/servers.ts'
import { processMb } from '../process-memory.ts'
import { loopedFeed } from './looped-feed.ts'

export interface SoakOptions {
  /** Wall clock, minutes. */
  minutes: number
  /** Feed time against wall clock. */
  speed: number
  /** Every so many seconds ingest is held for `holdSeconds`, and then brings at once what has come due meanwhile. */
  burstSeconds: number
  holdSeconds: number
  progress?(sample: SoakSample): void
}

interface SoakSample {
  /** Since the start, s. */
  at: number
  /** Records that each group has not committed. */
  lag: Record<string, number>
  /** Resident memory of each service, MB. */
  memory: Record<string, number>
}

export interface SoakReport {
  samples: SoakSample[]
  /** Records on the status topic. */
  records: number
  /** Services that ended before they were told to, with the end of what they said. */
  ended: string[]
  /** Seconds from the last burst's end until no group was behind; null when some still was. */
  caughtUpAfter: number | null
  memory: Record<string, MemoryReport>
}

/** Of one service, after the warm-up, MB. */
export interface MemoryReport {
  /** Means of the first and last fifth. */
  first: number
  last: number
  most: number
  /** By least squares over all samples, and over the least of each two minutes: what stays between a compaction's peaks. */
  slopePerHour: number
  floorSlopePerHour: number
}

const FLEET: readonly ServiceName[] = ['monitor', 'sink', 'forecast', 'windows', 'ingest']
const READ = [
  ['windows', TOPICS.status],
  ['sink', TOPICS.status],
  ['sinkForecasts', TOPICS.forecasts],
  ['monitor', TOPICS.status],
  ['forecast', TOPICS.windowUpdates],
] as const
const SAMPLE_MS = 5_000
/** Share of the run in which caches, code and pools still grow, and the monitor's window fills. */
const WARM_UP = 0.5
/** A window that an hour at sixty times the pace can fill, so that what grows after it has no end. */
const MONITOR = { window_days: 1, reference_days: 1 }
const FLOOR_S = 120
const CATCH_UP_MS = 120_000
/**
 * Rows of the newest bins and poll records of the hour are read and not yet written, so the sink has not committed them:
 * of a feed that goes on that is no lag. An hour of polls of 1,080 stations.
 */
const OPEN_RECORDS = 60 * 1_081

/** Every service in a process of its own on real servers, a feed at `speed` times its pace with bursts, and what they take meanwhile. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { minutes, speed, burstSeconds, holdSeconds, progress } = options
  const directory = mkdtempSync(join(tmpdir(), 'velocast-soak-'))
  const system = await loopedFeed(join(directory, 'recording'), Math.ceil(minutes * speed))
  const recordings = { systems: [system], sent: [], rows: 0 }
  const servers = await startServers()
  const data = join(directory, 'data')
  const config = configSchema.parse(servers.config(recordings, join(directory, 'watching')))
  const serviceConfig = { ...servers.config(recordings, data), monitor: MONITOR }
  const { platform, close } = await openPlatform({ config, logger: pino({ level: 'silent' }) })
  const members = startMembers({ recordings, servers, data })
  try {
    const running: Member[] = []
    for (const service of FLEET) {
      const member = members.start(service, { speed, pace: 'off', config: serviceConfig })
      running.push(member)
      await member.process.started
    }
    const began = Date.now()
    const until = began + minutes * 60_000
    const samples: SoakSample[] = []
    const take = async (): Promise<SoakSample> => {
      const sample = {
        at: Math.round((Date.now() - began) / 1_000),
        lag: await lagOf(platform.log),
        memory: Object.fromEntries(
          running.map(({ service, process }) => [service, processMb(process.child.pid!, 'VmRSS') ?? 0]),
        ),
      }
      samples.push(sample)
      progress?.(sample)
      return sample
    }
    const ingest = running.at(-1)!.process.child
    let held = false
    while (Date.now() < until) {
      const place = ((Date.now() - began) / 1_000) % burstSeconds
      const hold = place > burstSeconds - holdSeconds
      if (hold !== held) ingest.kill(hold ? 'SIGSTOP' : 'SIGCONT')
      held = hold
      await sleep(SAMPLE_MS)
      await take()
    }
    ingest.kill('SIGCONT')
    const over = Date.now()
    let caughtUpAfter: number | null = null
    while (caughtUpAfter === null && Date.now() < over + CATCH_UP_MS) {
      await sleep(1_000)
      const { lag } = await take()
      if (Object.values(lag).every((records) => records <= OPEN_RECORDS)) {
        caughtUpAfter = (Date.now() - over) / 1_000
      }
    }
    const gone = running.filter(
      ({ service, process }) => service !== 'ingest' && process.child.exitCode !== null,
    )
    return {
      samples,
      records: (await platform.log.lag(GROUPS.windows, [TOPICS.status])).reduce(
        (sum, { end }) => sum + end,
        0,
      ),
      ended: await Promise.all(
        gone.map(async ({ service, process }) => `${service}: ${(await process.ended).output.slice(-500)}`),
      ),
      caughtUpAfter,
      memory: Object.fromEntries(FLEET.map((service) => [service, memoryOf(samples, service)])),
    }
  } finally {
    await close()
    await members.killAll()
    await servers.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function lagOf(log: EventLog): Promise<Record<string, number>> {
  const lags = await Promise.all(
    READ.map(async ([group, topic]) => {
      const partitions = await log.lag(GROUPS[group], [topic])
      return [group, partitions.reduce((sum, { end, committed }) => sum + end - (committed ?? 0), 0)] as const
    }),
  )
  return Object.fromEntries(lags)
}

function memoryOf(samples: readonly SoakSample[], service: string): MemoryReport {
  const points = samples
    .slice(Math.floor(samples.length * WARM_UP))
    .filter(({ memory }) => memory[service]! > 0)
    .map(({ at, memory }) => ({ x: at / 3_600, y: memory[service]! }))
  const fifth = Math.max(1, Math.floor(points.length / 5))
  const ys = points.map(({ y }) => y)
  const floor = [...Map.groupBy(points, ({ x }) => Math.floor((x * 3_600) / FLOOR_S)).values()].map((slice) =>
    slice.reduce((least, point) => (point.y < least.y ? point : least)),
  )
  return {
    first: mean(ys.slice(0, fifth)),
    last: mean(ys.slice(-fifth)),
    most: Math.max(0, ...ys),
    slopePerHour: slopeOf(points),
    floorSlopePerHour: slopeOf(floor),
  }
}

/** By least squares; 0 of points at one place. */
function slopeOf(points: readonly { x: number; y: number }[]): number {
  const [middleX, middleY] = [mean(points.map(({ x }) => x)), mean(points.map(({ y }) => y))]
  const spread = points.reduce((sum, { x }) => sum + (x - middleX) ** 2, 0)
  const rise = points.reduce((sum, { x, y }) => sum + (x - middleX) * (y - middleY), 0)
  return spread > 0 ? rise / spread : 0
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
