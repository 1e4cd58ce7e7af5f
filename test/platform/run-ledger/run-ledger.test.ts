import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { VelocastError } from '../../../services/platform/errors.ts'
import { openLocalStore } from '../../../services/platform/object-store/local.ts'
import type { ObjectStore } from '../../../services/platform/object-store/port.ts'
import { withRunRecord } from '../../../services/platform/run-ledger/run-ledger.ts'
import { ManualClock } from '../../ingest/manual-clock.ts'

const directory = mkdtempSync(join(tmpdir(), 'velocast-runs-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const clock = new ManualClock(Date.UTC(2024, 10, 5, 1, 2, 3))
const objects = await openLocalStore({ root: directory })

async function record(job: string): Promise<unknown> {
  const [info, ...more] = await objects.list(`town/runs/${job}/`)
  expect(more).toEqual([])
  return JSON.parse(String((await objects.get(info!.path))!.bytes))
}

test('a run is on record while it runs, and then with its report', async () => {
  const run = { objects, clock, system: 'town', job: 'one', parameters: { day: '2024-11-05' } }
  const result = await withRunRecord(run, async ({ id }) => {
    expect(await record('one')).toMatchObject({ run_id: id, status: 'running', finished_utc: null })
    clock.advance(5_000)
    return { rows: 3 }
  })
  expect(result).toEqual({ rows: 3 })
  expect(await record('one')).toMatchObject({
    status: 'succeeded',
    started_utc: '2024-11-05T01:02:03.000Z',
    finished_utc: '2024-11-05T01:02:08.000Z',
    parameters: { day: '2024-11-05' },
    report: { rows: 3 },
    error: null,
    dry_run: false,
  })
})

test('a failure is on record with its code, and passes on', async () => {
  const failure = new VelocastError({ code: 'store_full', message: 'disk is full' })
  const run = { objects, clock, system: 'town', job: 'two', dryRun: true }
  await expect(withRunRecord(run, () => Promise.reject(failure))).rejects.toBe(failure)
  const error = { code: 'store_full', message: 'disk is full' }
  expect(await record('two')).toMatchObject({ status: 'failed', dry_run: true, report: null, error })
})

test('a record that cannot be written stops no run, and is told', async () => {
  const broken: ObjectStore = { ...objects, put: () => Promise.reject(new Error('no')) }
  const told: unknown[] = []
  const run = {
    objects: broken,
    clock,
    system: 'town',
    job: 'three',
    onLedgerError: (error: unknown) => told.push(error),
  }
  expect(await withRunRecord(run, async () => 7)).toBe(7)
  expect(told).toHaveLength(2)
})
