/**
 * Guards against stops that tear: work that was begun and is neither finished nor begun anew, a process that outstays
 * its grace period and is killed, a handle, timer or child that keeps it from ending.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFound } from './found.ts'
import { type Found, judge, summary } from './history.ts'
import { configOf, wholeRun } from './kill-campaign.ts'
import { type PipelineProcess, seededRandom, startPipeline } from './pipeline-run.ts'
import { type ServiceName, STEPS } from './process-plan.ts'
import { type Recordings, recordSystems } from './recordings.ts'
import { FULL, SEED, scratchDirectory } from './tier.ts'

const STOPS = FULL ? 30 : 4
/** As the documentation of operations says: a pod's grace period is longer. */
const DRAIN_MS = 25_000
const SERVICES = Object.keys(STEPS) as ServiceName[]

let directory: string
let recordings: Recordings
let whole: Found

beforeAll(async () => {
  directory = scratchDirectory('stop')
  recordings = await recordSystems({
    directory: join(directory, 'recordings'),
    seed: SEED + 1,
    start: Date.UTC(2026, 2, 10, 23, 10),
    minutes: 70,
    pollSeconds: 100,
  })
  whole = await wholeRun(recordings, join(directory, 'whole'))
}, 300_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Ends with its exit code and how long it took from the signal on. */
async function stopped(
  { child, ended }: PipelineProcess,
  signal: NodeJS.Signals,
): Promise<{ code: number | null; ms: number; output: string }> {
  const began = performance.now()
  child.kill(signal)
  const { code, output } = await ended
  return { code, ms: performance.now() - began, output }
}

describe('a process under load', () => {
  test(
    `told to stop ${STOPS} times drains within its deadline, exits 0 by itself, and what it leaves is whole (seed ${SEED})`,
    async () => {
      const data = join(directory, 'stopped')
      const stateFile = join(data, 'state.json')
      const replayedFile = join(data, 'replayed')
      const plan = {
        config: configOf(recordings, data),
        services: SERVICES,
        recordings: recordings.systems,
        stateFile,
        replayedFile,
      }
      mkdirSync(data)
      const random = seededRandom(SEED)
      for (let stop = 0; stop < STOPS; stop++) {
        const process = startPipeline(plan)
        await process.started
        await sleep(random() * 2_500)
        const { code, ms, output } = await stopped(process, stop % 2 === 0 ? 'SIGTERM' : 'SIGINT')
        expect(code, output).toBe(0)
        expect(ms).toBeLessThan(DRAIN_MS)
      }
      const { code, output } = await startPipeline(plan).ended
      expect(code, output).toBe(0)
      const found = await readFound({ store: join(data, 'store'), stateFile, systems: recordings.systems })
      // One process keeps its look-ups in memory: a start after the last poll has none before the next one comes.
      const durable = (contents: Found['contents']): Found['contents'] =>
        Object.fromEntries(Object.entries(contents).filter(([path]) => !path.startsWith('look-up ')))
      const violations = judge({
        sent: recordings.sent,
        found: { ...found, contents: durable(found.contents) },
        reference: durable(whole.contents),
      })
      expect(summary(violations)).toEqual({})
    },
    FULL ? 900_000 : 200_000,
  )

  test('told twice stops at once with 130, whatever it is at', async () => {
    const process = startPipeline({
      config: configOf(recordings, join(directory, 'twice')),
      services: SERVICES,
      recordings: recordings.systems,
      slowMs: { windows: 60_000, sink: 60_000 },
    })
    await process.started
    await sleep(1_500)
    process.child.kill('SIGTERM')
    await sleep(700)
    expect(process.child.exitCode).toBe(null)
    const { code, ms } = await stopped(process, 'SIGTERM')
    expect(code).toBe(130)
    expect(ms).toBeLessThan(1_000)
  }, 60_000)

  test('gives up work that is stuck once the deadline is over, and exits all the same', async () => {
    const process = startPipeline({
      config: configOf(recordings, join(directory, 'stuck')),
      services: SERVICES,
      recordings: recordings.systems,
      slowMs: { monitor: 3_600_000 },
    })
    await process.started
    await sleep(1_500)
    const { ms } = await stopped(process, 'SIGTERM')
    expect(ms).toBeLessThan(DRAIN_MS + 5_000)
  }, 90_000)
})
