import { expect, test } from 'vitest'
import {
  leaveRun,
  readSlot,
  requestRun,
  runSlotPath,
  takeRun,
} from '../../../services/platform/run-ledger/run-slot.ts'
import { ManualClock } from '../../ingest/manual-clock.ts'
import { memoryStore } from '../../monitor/memory-store.ts'

const options = () => ({
  objects: memoryStore(),
  clock: new ManualClock(Date.parse('2026-01-31T02:00:00Z')),
  system: 'town',
  job: 'train',
})

test('of many who ask at once one gets its run, the others are told its id', async () => {
  const slot = options()
  const asked = await Promise.allSettled(
    Array.from({ length: 8 }, () => requestRun({ ...slot, trigger: 'api' })),
  )
  const got = asked.filter((result) => result.status === 'fulfilled').map(({ value }) => value.run_id)
  expect(got).toHaveLength(1)
  expect(got[0]).toMatch(/^20260131T020000Z-[0-9a-f]{6}$/)
  for (const result of asked) {
    if (result.status === 'rejected') {
      expect(result.reason).toMatchObject({ code: 'run_in_progress', data: { run_id: got[0] } })
    }
  }
})

test('a run is taken up again under its own id until it has ended, and counts how often', async () => {
  const slot = options()
  const { run_id: runId } = await requestRun({ ...slot, trigger: 'schedule' })
  expect(await takeRun(slot)).toMatchObject({ run_id: runId, state: 'running', attempts: 1 })
  expect(await takeRun(slot)).toMatchObject({ run_id: runId, state: 'running', attempts: 2 })
  await leaveRun({ ...slot, runId, state: 'ended' })
  expect(await takeRun(slot)).toBeNull()
  expect((await requestRun({ ...slot, trigger: 'api' })).run_id).not.toBe(runId)
})

test('a run that is handed back does not count as an attempt', async () => {
  const slot = options()
  const { run_id: runId } = await requestRun({ ...slot, trigger: 'api' })
  await takeRun(slot)
  await leaveRun({ ...slot, runId, state: 'requested' })
  expect(await takeRun(slot)).toMatchObject({ run_id: runId, attempts: 1 })
})

test('leaving a run that is no longer in the slot changes nothing', async () => {
  const slot = options()
  const { run_id: runId } = await requestRun({ ...slot, trigger: 'api' })
  await leaveRun({ ...slot, runId: 'another', state: 'ended' })
  expect((await readSlot(slot)).slot).toMatchObject({ run_id: runId, state: 'requested' })
})

test('a slot that cannot be read is free', async () => {
  const slot = options()
  await slot.objects.put(runSlotPath('town', 'train'), Buffer.from('{"run_id":'))
  expect(await takeRun(slot)).toBeNull()
  expect(await requestRun({ ...slot, trigger: 'api' })).toMatchObject({ state: 'requested' })
})
