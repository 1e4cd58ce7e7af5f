import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BIN_MS } from '../../services/domain/bin.ts'
import type { WindowUpdate } from '../../services/domain/window.ts'
import { systemClock } from '../../services/platform/clock.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import { openLocalStore } from '../../services/platform/object-store/local.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { createSinkService } from '../../services/sink/service.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import {
  openPlatform,
  type Poll,
  pollOf,
  publishPolls,
  readUpdates,
  runThrough,
  settled,
} from './pipeline.ts'

const MIDNIGHT = Date.UTC(2024, 10, 5)
/** First poll that the short log holds: it begins a bin, two hours after midnight. */
const CUT = 120

/** Two polls a bin from 21:00 on, five and a half hours: gaps, stations that come and go, late ones, weather. */
function night(): Poll[] {
  return Array.from({ length: 132 }, (_, place) => {
    const ts_utc = MIDNIGHT - 3 * 3_600_000 + place * 150_000
    const poll_id = `poll-${String(place).padStart(3, '0')}`
    if (place % 17 === 3)
      return { poll_id, poll: { outcome: 'failed' as const, fetched_utc: ts_utc + 9_000 } }
    const bikes: Record<string, number> = { a: place % 30, b: (place * 7) % 30 }
    if (place % 3 === 0 && place < 100) bikes.c = place % 5
    const late = place % 19 === 6 && place !== CUT ? 3 * BIN_MS : 0
    const weather = {
      temp_C: Math.fround(9.3),
      precip_mm: Math.fround(0.1),
      wind_mps: null,
      bikes_disabled: place % 2,
    }
    return pollOf({
      poll_id,
      ts_utc: ts_utc - late,
      fetched_utc: ts_utc + 10_000,
      bikes,
      more: { ...weather, lat: 48.9 },
    })
  })
}

let root: string
let objects: ObjectStore
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'velocast-recall-'))
  objects = await openLocalStore({ root })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** What the sink makes of these polls: yesterday's daily file, bronze of today. */
async function sunk(polls: Poll[]): Promise<void> {
  const platform = await openPlatform({}, { objects, clock: systemClock })
  await publishPolls(platform, polls)
  const sink = createSinkService(platform, { ledgerIntervalMs: 0 })
  await sink.start()
  await settled(sink)
  await sink.finish()
  await sink.drain(AbortSignal.timeout(10_000))
  await sink.close()
}

/** Windows and updates from a log that holds these polls only, with an empty store. */
async function windowsOf(
  polls: Poll[],
  from: ObjectStore,
): Promise<{ updates: WindowUpdate[]; rings: Record<string, string> }> {
  const platform = await openPlatform({}, { objects: from })
  await publishPolls(platform, polls)
  await runThrough(createWindowsService(platform))
  const stored = [...(await platform.windows.load('town'))].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    updates: await readUpdates(platform),
    rings: Object.fromEntries(stored.map(([id, bytes]) => [id, bytes.toString('hex')])),
  }
}

describe('an empty store and a log that no longer holds the window', () => {
  test('windows are rebuilt from daily and bronze, to the bytes that the log gives', async () => {
    const nowhere = await openLocalStore({ root: join(root, 'nowhere') })
    const whole = await windowsOf(night(), nowhere)
    await sunk(night().slice(0, CUT))
    const days = (await objects.list('town/')).map(({ path }) => path)
    expect(days).toContain('town/daily/compact_2024-11-04.parquet')
    expect(days.filter((path) => path.startsWith('town/bronze/date=2024-11-04'))).toEqual([])
    expect(days.filter((path) => path.startsWith('town/bronze/date=2024-11-05')).length).toBeGreaterThan(10)

    const short = await windowsOf(night().slice(CUT), objects)
    expect(short.rings).toEqual(whole.rings)
    expect(short.updates).toEqual(whole.updates.slice(CUT))
    // Without Parquet the short log gives less: the rows did come from there.
    const less = await windowsOf(night().slice(CUT), nowhere)
    expect(less.rings.a).not.toBe(whole.rings.a)
    expect(less.rings.c).toBeUndefined()
  })

  test('what was fetched after the poll at work is not read, however far the sink is ahead', async () => {
    const nowhere = await openLocalStore({ root: join(root, 'nowhere') })
    const whole = await windowsOf(night(), nowhere)
    await sunk(night())
    const short = await windowsOf(night().slice(CUT), objects)
    expect(short.updates).toEqual(whole.updates.slice(CUT))
  })

  test('an object store that is down holds no poll up, and is asked again at the next', async () => {
    await sunk(night().slice(0, CUT))
    const expected = await windowsOf(night().slice(CUT), objects)
    let refusals = 0
    const flaky: ObjectStore = {
      ...objects,
      list: (prefix) => {
        if (refusals >= 2) return objects.list(prefix)
        refusals += 1
        return Promise.reject(
          new VelocastError({ code: 'store_unreachable', retryable: true, message: 'store is down' }),
        )
      },
    }
    const short = await windowsOf(night().slice(CUT), flaky)
    expect(refusals).toBe(2)
    expect(short.updates).toHaveLength(expected.updates.length)
    expect(short.rings).toEqual(expected.rings)
  })
})
