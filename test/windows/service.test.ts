import { describe, expect, test } from 'vitest'
import { BIN_MS } from '../../services/domain/bin.ts'
import { readWindow } from '../../services/domain/ring.ts'
import { readSlot } from '../../services/domain/slot.ts'
import { SLOT_BYTES, type WindowUpdate } from '../../services/domain/window.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import { partitionOf } from '../../services/platform/event-log/partitioner.ts'
import type { Platform } from '../../services/platform/service.ts'
import { GROUPS, TOPICS } from '../../services/platform/topics.ts'
import { openMemoryWindowStore } from '../../services/platform/window-store/memory.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { BIN } from '../domain/observations.ts'
import {
  openPlatform,
  type Poll,
  pollOf,
  publishPolls,
  readTopic,
  readUpdates,
  runThrough,
  settled,
  town,
} from './pipeline.ts'

const bikesAt = (update: WindowUpdate): Record<string, number | null> =>
  Object.fromEntries(
    update.station_ids.map((id, place) => [id, readSlot(update.slots, place * SLOT_BYTES)?.bikes ?? null]),
  )
const contents = async (platform: Platform, system = 'town') =>
  Object.fromEntries(
    [...(await platform.windows.load(system))].map(([id, bytes]) => [id, bytes.toString('hex')]),
  )

/** Minute by minute over some bins: gaps, a late poll, a poll without rows, one never ended, changing facts. */
function someDay(polls: number): Poll[] {
  const all: Poll[] = []
  for (let place = 0; place < polls; place += 1) {
    const ts_utc = BIN + place * 150_000
    const poll_id = `poll-${String(place).padStart(3, '0')}`
    if (place % 11 === 7) all.push({ poll_id, poll: { outcome: 'failed', fetched_utc: ts_utc + 9_000 } })
    else if (place % 13 === 5) {
      all.push({ ...pollOf({ poll_id, ts_utc, bikes: { a: place, c: 1 } }), poll: null })
    } else {
      const late = place % 9 === 4 ? 3 * BIN_MS : 0
      const bikes: Record<string, number> = { a: place % 30, b: (place * 7) % 30 }
      if (place % 2 === 0) bikes.c = place % 5
      const more = place > polls / 2 ? { lat: 48.9 } : {}
      all.push(pollOf({ poll_id, ts_utc: ts_utc - late, fetched_utc: ts_utc + 10_000, bikes, more }))
    }
  }
  return all
}

describe('windows service', () => {
  test('each complete poll gives one update: slot T of every station, in the poll’s trace', async () => {
    const platform = await openPlatform()
    await publishPolls(platform, [
      pollOf({ poll_id: 'one', ts_utc: BIN + 1_000, bikes: { b: 2, a: 1 } }),
      pollOf({ poll_id: 'two', ts_utc: BIN + 61_000, bikes: { a: 3 } }),
    ])
    await runThrough(createWindowsService(platform))
    const records = await readTopic<WindowUpdate>(platform, TOPICS.windowUpdates)
    expect(records.map(({ value }) => [value.poll_id, value.tbin_utc, bikesAt(value)])).toEqual([
      ['one', BIN, { a: 1, b: 2 }],
      ['two', BIN, { a: 3, b: 2 }],
    ])
    expect(records[1]).toMatchObject({
      key: 'town',
      value: {
        outcome: 'ok',
        source: 'replay',
        ts_utc: BIN + 61_000,
        fetched_utc: BIN + 71_000,
        names: ['Gare a', 'Gare b'],
      },
      headers: {
        ce_specversion: '1.0',
        ce_id: 'two',
        ce_source: 'velocast/windows/town',
        ce_type: 'velocast.window-update.v1',
        ce_time: new Date(BIN + 61_000).toISOString(),
        'content-type': 'application/avro',
        traceparent: expect.stringMatching(
          /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/,
        ),
      },
    })
  })

  test('a poll without rows repeats the newest slots with its own fetch time', async () => {
    const platform = await openPlatform()
    await publishPolls(platform, [
      pollOf({ poll_id: 'one', ts_utc: BIN, bikes: { a: 1 } }),
      { poll_id: 'two', poll: { outcome: 'unchanged', fetched_utc: BIN + 60_000, ts_utc: BIN } },
      { poll_id: 'three', poll: { outcome: 'failed', reason: 'feed_timeout', fetched_utc: BIN + 900_000 } },
    ])
    await runThrough(createWindowsService(platform))
    const updates = await readUpdates(platform)
    expect(
      updates.map(({ outcome, tbin_utc, ts_utc, fetched_utc }) => ({
        outcome,
        tbin_utc,
        ts_utc,
        fetched_utc,
      })),
    ).toEqual([
      { outcome: 'ok', tbin_utc: BIN, ts_utc: BIN, fetched_utc: BIN + 10_000 },
      { outcome: 'unchanged', tbin_utc: BIN, ts_utc: BIN, fetched_utc: BIN + 60_000 },
      { outcome: 'failed', tbin_utc: BIN, ts_utc: BIN, fetched_utc: BIN + 900_000 },
    ])
    expect(new Set(updates.map(({ slots }) => slots.toString('hex'))).size).toBe(1)
  })

  test('a late poll fills its own bin and its update keeps the newest bin as T', async () => {
    const platform = await openPlatform()
    await publishPolls(platform, [
      pollOf({ poll_id: 'one', ts_utc: BIN + 2 * BIN_MS, bikes: { a: 2 } }),
      pollOf({ poll_id: 'late', ts_utc: BIN, bikes: { a: 9 } }),
    ])
    await runThrough(createWindowsService(platform))
    const updates = await readUpdates(platform)
    expect(updates.map((update) => [update.poll_id, update.tbin_utc, bikesAt(update)])).toEqual([
      ['one', BIN + 2 * BIN_MS, { a: 2 }],
      ['late', BIN + 2 * BIN_MS, { a: 2 }],
    ])
    const [value] = await platform.windows.read('town', ['a'])
    const { window } = readWindow({ ring: value!, tbin: BIN + 2 * BIN_MS })
    expect(window.slots.slice(0, 3).map((slot) => slot?.bikes ?? null)).toEqual([2, null, 9])
  })

  test('a poll that never ended is given up at the next one’s end: its rows count, its update says incomplete', async () => {
    const platform = await openPlatform()
    await publishPolls(platform, [
      { ...pollOf({ poll_id: 'cut', ts_utc: BIN, bikes: { a: 1 } }), poll: null },
      pollOf({ poll_id: 'next', ts_utc: BIN + BIN_MS, bikes: { b: 2 } }),
    ])
    await runThrough(createWindowsService(platform))
    const updates = await readUpdates(platform)
    expect(updates.map(({ poll_id, outcome, source }) => [poll_id, outcome, source])).toEqual([
      ['cut', 'incomplete', 'replay'],
      ['next', 'ok', 'replay'],
    ])
    expect(bikesAt(updates[1]!)).toEqual({ a: null, b: 2 })
  })

  test('before the first observation there is no update', async () => {
    const platform = await openPlatform()
    await publishPolls(platform, [{ poll_id: 'failed', poll: { outcome: 'failed', fetched_utc: BIN } }])
    await runThrough(createWindowsService(platform))
    expect(
      (await platform.log.lag(GROUPS.windows, [TOPICS.status])).reduce(
        (sum, { committed }) => sum + (committed ?? 0),
        0,
      ),
    ).toBe(1)
    expect((await platform.log.lag('any', [TOPICS.windowUpdates])).every(({ end }) => end === 0)).toBe(true)
  })

  test('systems in one partition stay apart, polls interleaved', async () => {
    const platform = await openPlatform({ systems: ['town', 'city', 'port'].map(town) })
    const towns = pollOf({ poll_id: 'p', ts_utc: BIN, bikes: { a: 1, b: 2 } })
    const others = ['city', 'port'].map((system) =>
      pollOf({ poll_id: 'p', ts_utc: BIN + BIN_MS, bikes: { a: 7 }, system }),
    )
    await publishPolls(platform, [
      { ...towns, poll: null },
      ...others,
      { poll_id: 'p', poll: { ...towns.poll, rows: 2, outcome: 'ok' } },
    ])
    await runThrough(createWindowsService(platform))
    const updates = await readUpdates(platform)
    expect(new Map(updates.map((update) => [update.system, bikesAt(update)]))).toEqual(
      new Map([
        ['town', { a: 1, b: 2 }],
        ['city', { a: 7 }],
        ['port', { a: 7 }],
      ]),
    )
  })

  test('a restart in the middle of a poll loses none of its rows, also while other systems of the partition go on', async () => {
    const partition = (id: string): number => partitionOf(id, 2)
    const other = ['city', 'port', 'dale'].find((id) => partition(id) === partition('town'))!
    const platform = await openPlatform({ systems: ['town', other].map(town) })
    const poll = pollOf({ poll_id: 'long', ts_utc: BIN, bikes: { a: 1, b: 2, c: 3 } })
    const [first, ...rest] = poll.observations!
    await publishPolls(platform, [
      pollOf({ poll_id: 'before', ts_utc: BIN - BIN_MS, bikes: { a: 9 } }),
      { poll_id: 'long', observations: [first!], poll: null },
      pollOf({ poll_id: 'p', ts_utc: BIN, bikes: { x: 1 }, system: other }),
    ])
    await runThrough(createWindowsService(platform))
    await publishPolls(platform, [{ ...poll, observations: rest, poll: { ...poll.poll, rows: 3 } }])
    await runThrough(createWindowsService(platform.again()))
    const updates = (await readUpdates(platform)).filter(({ system }) => system === 'town')
    expect(updates.map(bikesAt)).toEqual([{ a: 9 }, { a: 1, b: 2, c: 3 }])
  })

  test('the store emptied at any moment is whole again with the next poll, whatever that brings', async () => {
    for (const next of [
      pollOf({ poll_id: 'next', ts_utc: BIN + BIN_MS, bikes: { a: 3 } }),
      { poll_id: 'next', poll: { outcome: 'failed' as const, fetched_utc: BIN + BIN_MS } },
    ]) {
      const windows = openMemoryWindowStore()
      const platform = await openPlatform({}, { windows })
      const service = createWindowsService(platform)
      await publishPolls(platform, [pollOf({ poll_id: 'one', ts_utc: BIN, bikes: { a: 1, b: 2 } })])
      await service.start()
      await settled(service)
      const before = await contents(platform)
      windows.clear()
      await publishPolls(platform, [next])
      await settled(service)
      await service.close()
      const after = await contents(platform)
      expect(Object.keys(after).sort()).toEqual(['a', 'b'])
      expect(after.b).toBe(before.b)
    }
  })

  test('a store emptied while the service was away is rebuilt from the log, and nothing is published twice', async () => {
    const windows = openMemoryWindowStore()
    const platform = await openPlatform({}, { windows })
    await publishPolls(platform, someDay(40))
    await runThrough(createWindowsService(platform))
    const before = await contents(platform)
    const updates = await readUpdates(platform)
    windows.clear()
    await runThrough(createWindowsService(platform.again()))
    expect(await contents(platform)).toEqual(before)
    expect(await readUpdates(platform)).toEqual(updates)
  })

  test('memory windows are rebuilt at a restart, and the next poll’s update is what it would have been', async () => {
    const polls = someDay(60)
    const whole = await openPlatform()
    await publishPolls(whole, polls)
    await runThrough(createWindowsService(whole))

    const parted = await openPlatform()
    await publishPolls(parted, polls.slice(0, 37))
    await runThrough(createWindowsService(parted))
    await publishPolls(parted, polls.slice(37))
    await runThrough(createWindowsService(parted.again({ windows: openMemoryWindowStore() })))
    expect(await readUpdates(parted)).toEqual(await readUpdates(whole))
  })

  test('a stop between any two steps ends with the same updates (some twice) and the same windows', async () => {
    const polls = someDay(24)
    const whole = await openPlatform()
    await publishPolls(whole, polls)
    await runThrough(createWindowsService(whole))
    const expected = await readUpdates(whole)

    for (const step of ['merged', 'written', 'published', 'committed'] as const) {
      const platform = await openPlatform()
      await publishPolls(platform, polls)
      for (let run = 0; run < 4; run += 1) {
        let left = 5
        const service = createWindowsService(platform.again(), {
          fault: (reached) => {
            if (reached === step && --left === 0) throw new Error('stopped')
          },
        })
        await service.start()
        await expect(settled(service)).rejects.toThrow('stopped')
        await service.close()
      }
      await runThrough(createWindowsService(platform.again()))
      const updates = await readUpdates(platform)
      const once = updates.filter((update, place) => update.poll_id !== updates[place - 1]?.poll_id)
      expect(once, step).toEqual(expected)
      expect(new Set(updates.map((update) => JSON.stringify(update))).size, step).toBe(expected.length)
      expect(await contents(platform), step).toEqual(await contents(whole))
    }
  })

  test('a store that is away for a while holds the poll back and costs nothing', async () => {
    const windows = openMemoryWindowStore()
    let away = 3
    const flaky = {
      ...windows,
      write: async (options: Parameters<typeof windows.write>[0]) => {
        if (away-- > 0)
          throw new VelocastError({ code: 'window_store_unreachable', message: 'away', retryable: true })
        return windows.write(options)
      },
    }
    const platform = await openPlatform({}, { windows: flaky })
    await publishPolls(platform, [
      pollOf({ poll_id: 'one', ts_utc: BIN, bikes: { a: 1 } }),
      pollOf({ poll_id: 'two', ts_utc: BIN + BIN_MS, bikes: { a: 2 } }),
    ])
    await runThrough(createWindowsService(platform))
    expect((await readUpdates(platform)).map(({ poll_id }) => poll_id)).toEqual(['one', 'two'])
  })

  test('an owner that the store took for stale, but that owns the partition, claims again and goes on', async () => {
    const windows = openMemoryWindowStore()
    const platform = await openPlatform({}, { windows })
    const service = createWindowsService(platform)
    await publishPolls(platform, [pollOf({ poll_id: 'one', ts_utc: BIN, bikes: { a: 1 } })])
    await service.start()
    await settled(service)
    await windows.claim('town')
    await publishPolls(platform, [pollOf({ poll_id: 'two', ts_utc: BIN + BIN_MS, bikes: { a: 2 } })])
    await settled(service)
    await service.close()
    const [value] = await windows.read('town', ['a'])
    const { window } = readWindow({ ring: value!, tbin: BIN + BIN_MS })
    expect(window.slots.slice(0, 2).map((slot) => slot?.bikes)).toEqual([2, 1])
  })
})
