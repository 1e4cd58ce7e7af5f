import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leaveRun, readSlot } from '../../services/platform/run-ledger/run-slot.ts'
import { type DueOptions, requestDue } from '../../services/train/due.ts'
import { newTrainingRun, TRAIN_JOB, writeTrainingRun } from '../../services/train/run-record.ts'
import { ManualClock } from '../ingest/manual-clock.ts'
import { memoryStore } from '../monitor/memory-store.ts'

const HOUR = 3_600_000
/** 02:00 on 1 December in Paris. */
const DUE = Date.parse('2026-12-01T01:00:00Z')

function scheduled(over: Partial<DueOptions> = {}): DueOptions & { clock: ManualClock } {
  const clock = new ManualClock(DUE - 10 * HOUR)
  const rest = { objects: memoryStore(), system: 'town', expression: '0 2 1 * *', timezone: 'Europe/Paris' }
  return { ...rest, ...over, clock }
}

test('the first look asks for nothing, whatever passed before it', async () => {
  const options = scheduled()
  options.clock.advance(100 * 24 * HOUR)
  expect(await requestDue(options)).toBeNull()
  expect(await requestDue(options)).toBeNull()
})

test('crossing 02:00 of day 1 in the local time asks for exactly one run, named by that time', async () => {
  const options = scheduled()
  await requestDue(options)
  options.clock.advance(10 * HOUR - 1)
  expect(await requestDue(options)).toBeNull()
  options.clock.advance(1)
  expect(await requestDue(options)).toMatchObject({
    run_id: '20261201T010000Z-schedule',
    trigger: 'schedule',
  })
  for (let hour = 0; hour < 48; hour += 1) {
    options.clock.advance(HOUR)
    expect(await requestDue(options)).toBeNull()
  }
})

test('however often it starts anew around the time, and wherever it was killed, there is one run', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 3 * HOUR }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 0, max: 6 }),
      async (pauses, dyingWrite) => {
        const options = scheduled()
        await requestDue(options)
        options.clock.advance(9 * HOUR)
        let writes = 0
        const dying: DueOptions['objects'] = {
          get: options.objects.get,
          put: (...write) => {
            writes += 1
            if (writes === dyingWrite) throw new Error('killed')
            return options.objects.put(...write)
          },
        }
        const asked: string[] = []
        for (const pause of [...pauses, 3 * HOUR, HOUR]) {
          options.clock.advance(pause)
          const slot = await requestDue({ ...options, objects: dying }).catch(() => null)
          if (slot !== null) asked.push(slot.run_id)
          // The run is done before the next look: its slot is free again, its record stays.
          const held = (await readSlot({ ...options, job: TRAIN_JOB })).slot
          if (held?.state !== 'requested') continue
          await writeTrainingRun(
            options.objects,
            newTrainingRun({ system: 'town', slot: held, started: 0, token: 1 }),
          )
          await leaveRun({ ...options, job: TRAIN_JOB, runId: held.run_id, state: 'ended' })
        }
        expect(asked.length).toBeLessThanOrEqual(1)
        const records = await (options.objects as ReturnType<typeof memoryStore>).list('town/runs/train/')
        expect(records.map(({ path }) => path)).toEqual(['town/runs/train/20261201T010000Z-schedule.json'])
      },
    ),
    { numRuns: 60 },
  )
})

test('times that passed while nobody looked ask for one run, the newest', async () => {
  const options = scheduled()
  await requestDue(options)
  options.clock.advance(70 * 24 * HOUR)
  expect(await requestDue(options)).toMatchObject({ run_id: '20270201T010000Z-schedule' })
  expect(await requestDue(options)).toBeNull()
})

test('off is never', async () => {
  const options = scheduled({ expression: 'off' })
  await requestDue(options)
  options.clock.advance(400 * 24 * HOUR)
  expect(await requestDue(options)).toBeNull()
})
