import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import {
  createFirstMinutes,
  type FirstMinutes,
  type FirstMinutesOptions,
} from '../../../services/cli/first-minutes/service.ts'
import { systemClock } from '../../../services/platform/clock.ts'
import { dailyPath, trainedModelListPath } from '../../../services/platform/object-store/layout.ts'
import type { ObjectStore } from '../../../services/platform/object-store/port.ts'
import { readFirstMinutes } from '../../../services/platform/run-ledger/first-minutes.ts'
import { readSlot } from '../../../services/platform/run-ledger/run-slot.ts'
import { newTrainingRun, type TrainingRun, writeTrainingRun } from '../../../services/train/run-record.ts'
import { memoryStore } from '../../monitor/memory-store.ts'

const SYSTEM = 'simulated-city'
const plan = {
  city: { seed: 1, stations: 50, centre: { lat: 48.8566, lon: 2.3522 }, timezone: 'Europe/Paris' },
  sample: 20,
  from: Date.parse('2026-03-02T00:00:00Z'),
  until: Date.parse('2026-03-04T00:00:00Z'),
}
const DAYS = ['2026-03-02', '2026-03-03']
const never = (): never => {
  throw new Error('no history is to be made')
}

/** Makes the plan's days, with a line in place of rows. */
const history: NonNullable<FirstMinutesOptions['history']> = async ({ task, onDay }) => {
  for (const [place, day] of DAYS.entries()) {
    onDay(place + 1)
    const file = join(task.directory, 'store', dailyPath(SYSTEM, day))
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, `made ${day}`)
  }
  return join(task.directory, 'store')
}

/** Starts the first minutes on a store; `run` ends the run that they asked for. */
async function begin(
  objects: ObjectStore,
  over: Partial<FirstMinutesOptions> = {},
): Promise<{
  learning: FirstMinutes
  lines: string[]
  run: (end: Partial<TrainingRun>) => Promise<void>
}> {
  const lines: string[] = []
  const platform = { objects, clock: systemClock, logger: pino({ level: 'silent' }) }
  const learning = createFirstMinutes(platform, {
    system: SYSTEM,
    plan,
    tell: (line) => lines.push(line),
    history,
    ...over,
  })
  await learning.start()
  return {
    learning,
    lines,
    run: async (end) => {
      const requested = async () => (await readSlot({ objects, system: SYSTEM, job: 'train' })).slot
      await expect.poll(requested).toMatchObject({ state: 'requested', trigger: 'first_minutes' })
      const slot = await requested()
      const record = newTrainingRun({ system: SYSTEM, slot: slot!, started: 0, token: 1 })
      await writeTrainingRun(objects, { ...record, ...end })
    },
  }
}

const stateOf = async (objects: ObjectStore): Promise<string | undefined> =>
  (await readFirstMinutes(objects, SYSTEM))?.state
const PROMOTED = {
  status: 'succeeded',
  outputs: { version: '1.0.0', effective_from: '2026-03-04T08:10:00.000Z', files: [] },
} satisfies Partial<TrainingRun>

test('history becomes daily files, a run is asked for, and the record says what serves from when', async () => {
  const objects = memoryStore()
  await objects.put(dailyPath(SYSTEM, DAYS[1]!), Buffer.from('there before'))
  const { learning, lines, run } = await begin(objects)
  await run(PROMOTED)
  await expect.poll(() => stateOf(objects), { timeout: 5000 }).toBe('promoted')
  await learning.drain(AbortSignal.abort())
  const read = async (day: string): Promise<string | undefined> =>
    (await objects.get(dailyPath(SYSTEM, day)))?.bytes.toString()
  expect([await read(DAYS[0]!), await read(DAYS[1]!)]).toEqual(['made 2026-03-02', 'there before'])
  expect(await readFirstMinutes(objects, SYSTEM)).toMatchObject({
    stations: 20,
    city_stations: 50,
    days: 2,
    days_done: 2,
    version: '1.0.0',
    effective_from: '2026-03-04T08:10:00.000Z',
  })
  expect(lines.at(-1)).toBe(
    'Model 1.0.0 serves from 4 Mar 2026, 09:10 (Europe/Paris), trained on 2 simulated days, 20 of 50 stations.',
  )

  const again = await begin(objects, { history: never })
  await expect.poll(() => again.lines).toEqual([lines.at(-1)])
  await again.learning.drain(AbortSignal.abort())
})

test('a data directory of another city is said to be one, and nothing is learned', async () => {
  const objects = memoryStore()
  const { learning } = await begin(objects)
  await expect.poll(() => stateOf(objects)).toBe('training')
  await learning.drain(AbortSignal.abort())
  const city = { ...plan.city, seed: 2 }
  const other = await begin(objects, { plan: { ...plan, city }, history: never })
  await expect.poll(() => other.lines).toHaveLength(1)
  expect(other.lines[0]).toContain('another simulated city (seed 1, 50 stations)')
  await other.learning.drain(AbortSignal.abort())
})

test('a refusal of the gate is said, and not tried again', async () => {
  const objects = memoryStore()
  const { learning, lines, run } = await begin(objects)
  await run({ status: 'aborted', reason: { code: 'gate_refused', message: 'no better' } })
  await expect.poll(() => stateOf(objects), { timeout: 5000 }).toBe('refused')
  await learning.drain(AbortSignal.abort())
  expect(lines.at(-1)).toContain('no model was promoted: gate_refused: no better')
  const again = await begin(objects, { history: never })
  await expect.poll(() => again.lines).toHaveLength(1)
  await again.learning.drain(AbortSignal.abort())
})

test('a history that fails leaves the city as it is, and the next start tries again', async () => {
  const objects = memoryStore()
  const { learning, lines } = await begin(objects, { history: never })
  await expect.poll(() => stateOf(objects)).toBe('failed')
  await learning.drain(AbortSignal.abort())
  expect(lines.at(-1)).toContain('is tried again by the next start: no history is to be made')
  const again = await begin(objects)
  await again.run(PROMOTED)
  await expect.poll(() => stateOf(objects), { timeout: 5000 }).toBe('promoted')
  await again.learning.drain(AbortSignal.abort())
})

test('a start while the run is at work waits for that run, and makes no history', async () => {
  const objects = memoryStore()
  const first = await begin(objects)
  await expect.poll(() => stateOf(objects)).toBe('training')
  await first.learning.drain(AbortSignal.abort())
  expect(await stateOf(objects)).toBe('training')
  const second = await begin(objects, { history: never })
  await second.run(PROMOTED)
  await expect.poll(() => stateOf(objects), { timeout: 5000 }).toBe('promoted')
  await second.learning.drain(AbortSignal.abort())
})

test('a system that has a trained model is left alone', async () => {
  const objects = memoryStore()
  const horizons = { 60: { path: 'x', sha256: '0'.repeat(64) } }
  const versions = [{ version: '1.2.0', effective_from: '2026-03-04T08:10:00Z', horizons }]
  await objects.put(trainedModelListPath(SYSTEM), Buffer.from(JSON.stringify({ versions })))
  const { learning, lines } = await begin(objects, { history: never })
  await learning.drain(AbortSignal.abort())
  expect(lines).toEqual([])
  expect(await stateOf(objects)).toBeUndefined()
})
