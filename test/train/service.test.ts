import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { configSchema } from '../../services/platform/config.ts'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import { readSlot, requestRun } from '../../services/platform/run-ledger/run-slot.ts'
import type { Service } from '../../services/platform/service.ts'
import type { PackTrainingOutcome } from '../../services/train/pack-training.ts'
import { TRAIN_JOB } from '../../services/train/run-record.ts'
import { createTrainService, type TrainServiceOptions } from '../../services/train/service.ts'
import { ManualClock } from '../ingest/manual-clock.ts'
import { memoryStore } from '../monitor/memory-store.ts'

/** 02:00 on 1 December in Paris. */
const DUE = Date.parse('2026-12-01T01:00:00Z')
const LOOK_MS = 10_000

/** A training that finds nothing to train on. */
const nothing = async (): Promise<PackTrainingOutcome> => ({
  kind: 'aborted',
  reason: 'no_input',
  message: 'history must have a file',
  base: null,
  judgements: [],
  digests: [],
  unreadable: [],
})

function town(over: { config?: object; start?: number } = {}) {
  const objects = memoryStore()
  const clock = new ManualClock(over.start ?? DUE - 60_000)
  const metrics = new Registry()
  const config = configSchema.parse({
    systems: [{ id: 'town', discovery_url: 'http://127.0.0.1/gbfs.json', timezone: 'Europe/Paris' }],
    ...over.config,
  })
  const logger = pino({ level: 'silent' })
  const platform = { config, clock, logger, metrics, objects, lookUps: openMemoryLookUpStore({ clock }) }
  return {
    ...platform,
    /** As another process has it. */
    service: (options: TrainServiceOptions = { trainer: nothing }): Service =>
      createTrainService({ ...platform, metrics: new Registry() }, options),
    records: async (): Promise<string[]> =>
      (await objects.list('town/runs/train/')).map(({ path }) => path.split('/').at(-1) ?? ''),
  }
}

/** Lets time pass, look by look, until each look has found what there is. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let spent = 0; spent < ms; spent += LOOK_MS) {
    await clock.settled()
    clock.advance(LOOK_MS)
    for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
}

test('crossing the time of the schedule makes exactly one run, however often the service starts anew', async () => {
  const { clock, service, records } = town()
  for (let start = 0; start < 3; start += 1) {
    const running = service()
    await running.start()
    await pass(clock, 60_000)
    await running.drain(new AbortController().signal)
    await running.close()
  }
  expect(await records()).toEqual(['20261201T010000Z-schedule.json'])
})

test('two services at once make one run of it', async () => {
  const { clock, service, records } = town()
  const both = [service(), service()]
  for (const each of both) await each.start()
  await pass(clock, 120_000)
  for (const each of both) await each.close()
  expect(await records()).toEqual(['20261201T010000Z-schedule.json'])
})

test('what is asked for through the slot is taken up, and its slot is free after', async () => {
  const place = town({ config: { train: { schedule: 'off' } } })
  const { run_id } = await requestRun({ ...place, system: 'town', job: TRAIN_JOB, trigger: 'api' })
  const running = place.service()
  await running.start()
  await pass(place.clock, 30_000)
  const state = async () => (await readSlot({ ...place, system: 'town', job: TRAIN_JOB })).slot?.state
  while ((await state()) !== 'ended') await new Promise((resolve) => setImmediate(resolve))
  expect(await place.records()).toEqual([`${run_id}.json`])
  while (running.health()[0]?.detail !== 'waits for a run')
    await new Promise((resolve) => setImmediate(resolve))
  expect(running.health()).toEqual([{ name: 'train', ok: true, detail: 'waits for a run' }])
  await running.close()
})

test('a stop in mid-run hands the run back and the next process finishes it', async () => {
  const place = town({ config: { train: { schedule: 'off' } } })
  const { run_id } = await requestRun({ ...place, system: 'town', job: TRAIN_JOB, trigger: 'api' })
  const stuck = place.service({
    trainer: ({ signal }) =>
      new Promise<PackTrainingOutcome>((_, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('stopped')), { once: true })
      }),
  })
  await stuck.start()
  await place.clock.settled()
  place.clock.advance(LOOK_MS)
  while (stuck.health()[0]?.detail !== 'trains town') await new Promise((resolve) => setImmediate(resolve))
  while ((await place.records()).length === 0) await new Promise((resolve) => setImmediate(resolve))
  await stuck.drain(new AbortController().signal)
  await stuck.close()
  expect((await readSlot({ ...place, system: 'town', job: TRAIN_JOB })).slot).toMatchObject({
    run_id,
    state: 'requested',
  })
  const next = place.service()
  await next.start()
  await pass(place.clock, 30_000)
  await next.close()
  expect(await place.records()).toEqual([`${run_id}.json`])
  const record = JSON.parse((await place.objects.get(`town/runs/train/${run_id}.json`))!.bytes.toString())
  expect(record).toMatchObject({ status: 'aborted', reason: { code: 'no_input' }, attempt: 1 })
})
