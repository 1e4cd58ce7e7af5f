import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BIN_MS, floorBin } from '../../services/domain/bin.ts'
import { compareObservations, type Observation } from '../../services/domain/observation.ts'
import { emptyRing, mergeSlot, readWindow, slotOf } from '../../services/domain/ring.ts'
import { packSlot, readSlot } from '../../services/domain/slot.ts'
import { writesWithout } from '../../services/domain/slot-table.ts'
import { packStation, readStation } from '../../services/domain/station-window.ts'
import { SystemWindow } from '../../services/domain/system-window.ts'
import { RING_SLOTS, SLOT_BYTES, WINDOW_BINS } from '../../services/domain/window.ts'
import { anyObservation, BIN, observation } from './observations.ts'

function ringOf(observations: readonly Observation[]): Buffer {
  const ring = emptyRing()
  for (const each of observations) mergeSlot(ring, packSlot(each))
  return ring
}
const at = (bin: number, more: Partial<Observation> = {}): Observation =>
  observation({ ts_utc: BIN + bin * BIN_MS, ...more })

describe('ring', () => {
  test('late, repeated and out-of-order observations give the same ring as in-order ones', () => {
    const delivery = fc
      .array(anyObservation, { maxLength: 120 })
      .chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: 2 * all.length })),
      )
    fc.assert(
      fc.property(delivery, ([all, delivered]) => {
        const inOrder = all.map((each) => ({ ...each, station_id: 'a' })).sort(compareObservations)
        const anyOrder = delivered.map((each) => ({ ...each, station_id: 'a' }))
        expect(ringOf(anyOrder).equals(ringOf(inOrder))).toBe(true)
      }),
    )
  })

  test('a bin older than the newest by 73 or more never replaces a newer one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 3 }), (bin, turns) => {
        const ring = ringOf([at(bin, { bikes: 1 })])
        const before = Buffer.from(ring)
        expect(mergeSlot(ring, packSlot(at(bin - turns * RING_SLOTS, { bikes: 9 })))).toBe(false)
        expect(ring.equals(before)).toBe(true)
      }),
    )
  })

  test('the last observation of a bin is the greatest of (ts, fetched, hash)', () => {
    fc.assert(
      fc.property(fc.array(anyObservation, { minLength: 1, maxLength: 40 }), (all) => {
        const ring = ringOf(all)
        const newest = floorBin(Math.max(...all.map(({ ts_utc }) => ts_utc)))
        const last = all
          .filter(({ ts_utc }) => floorBin(ts_utc) === newest)
          .sort(compareObservations)
          .at(-1)!
        const found = slotOf(ring, newest)
        expect(typeof found === 'string' ? found : readSlot(ring, found.offset)).toEqual(
          readSlot(packSlot(last)),
        )
      }),
    )
  })

  test('a window is the 49 bins T−48..T and nothing after T', () => {
    const ring = ringOf(Array.from({ length: 60 }, (_, bin) => at(bin, { bikes: bin })))
    const { window, overrun } = readWindow({ ring, tbin: BIN + 50 * BIN_MS })
    expect(overrun).toEqual([])
    expect(window.slots).toHaveLength(WINDOW_BINS)
    expect(window.slots.map((slot) => slot?.bikes)).toEqual(Array.from({ length: 49 }, (_, lag) => 50 - lag))
  })

  test('bins without an observation are missing, also where an older turn of the ring is left', () => {
    const ring = ringOf([at(0, { bikes: 1 }), at(RING_SLOTS + 2, { bikes: 3 })])
    const { window, overrun } = readWindow({ ring, tbin: BIN + (RING_SLOTS + 2) * BIN_MS })
    expect(overrun).toEqual([])
    expect(window.slots.map((slot) => slot?.bikes ?? null)).toEqual([3, ...Array(48).fill(null)])
  })

  test('24 bins ahead nothing is overrun; at 25 the oldest bin is, and only for who needs it', () => {
    const ringTo = (newest: number): Buffer =>
      ringOf(Array.from({ length: newest + 1 }, (_, bin) => at(bin, { bikes: bin })))
    const tbin = BIN + 48 * BIN_MS
    expect(readWindow({ ring: ringTo(48 + 24), tbin }).overrun).toEqual([])
    expect(readWindow({ ring: ringTo(48 + 25), tbin }).overrun).toEqual([BIN])
    expect(readWindow({ ring: ringTo(48 + 25), tbin, lags: [0, 1, 47] }).overrun).toEqual([])
  })

  test('adding any observation after T leaves the window at T identical', () => {
    fc.assert(
      fc.property(
        fc.array(anyObservation, { maxLength: 40 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 24 }), fc.nat(60)), { maxLength: 30 }),
        (past, later) => {
          const T = BIN + 80 * BIN_MS
          const known = [...past, at(80)]
          const after = later.map(([ahead, bikes]) => at(80 + ahead, { bikes }))
          expect(readWindow({ ring: ringOf([...known, ...after]), tbin: T })).toEqual(
            readWindow({ ring: ringOf(known), tbin: T }),
          )
        },
      ),
    )
  })
})

describe('system window', () => {
  const poll = { poll_id: 'p', outcome: 'ok', source: 'live', fetched_utc: BIN + 1 }
  const rings = (window: SystemWindow): [string, string][] =>
    [...window.packed()].map(([id, bytes]): [string, string] => [id, bytes.toString('hex')]).sort()

  test('any split into polls, any order, with reloads between, gives the same windows, facts and update', () => {
    const polls = fc.array(fc.array(anyObservation, { maxLength: 12 }), { maxLength: 12 })
    fc.assert(
      fc.property(polls, fc.infiniteStream(fc.nat()), (all, numbers) => {
        // Stations whose last bin falls out of the ring are forgotten, by whichever order: keep those of the newest bins.
        const near = all.map((each) => each.filter(({ ts_utc }) => ts_utc >= BIN + 8 * BIN_MS))
        const inOrder = new SystemWindow('town')
        inOrder.merge(near.flat().sort(compareObservations))
        let window = new SystemWindow('town')
        const shuffled = near
          .map((each) => ({ each, key: numbers.next().value as number }))
          .sort((a, b) => a.key - b.key)
        for (const { each, key } of shuffled) {
          window.merge(each)
          if (key % 3 !== 0) continue
          const reloaded = new SystemWindow('town')
          reloaded.load(window.packed())
          window = reloaded
        }
        expect(rings(window)).toEqual(rings(inOrder))
        expect(window.update(poll)).toEqual(inOrder.update(poll))
      }),
    )
  })

  test('the writes of every poll, and the values of who must be rewritten, keep a copy equal', () => {
    const polls = fc.array(fc.array(anyObservation, { maxLength: 12 }), { maxLength: 12 })
    fc.assert(
      fc.property(polls, (all) => {
        const window = new SystemWindow('town')
        const copies = new Map<string, Buffer>()
        for (const each of all) {
          const { writes, rewritten } = window.merge(each)
          const { stationIds, indexes, slots } = writesWithout(writes, rewritten)
          expect(stationIds.filter((id) => rewritten.has(id))).toEqual([])
          stationIds.forEach((id, place) => {
            const slot = slots.subarray(place * SLOT_BYTES, (place + 1) * SLOT_BYTES)
            slot.copy(copies.get(id)!, indexes[place]! * SLOT_BYTES)
          })
          for (const [id, packed] of window.packed(rewritten)) copies.set(id, packed)
          for (const id of copies.keys()) if (!window.packed([id]).has(id)) copies.delete(id)
          const held = [...copies].map(([id, bytes]): [string, string] => [id, bytes.toString('hex')])
          expect(held.sort()).toEqual(rings(window))
        }
      }),
      { numRuns: 50 },
    )
  })

  test('an update carries slot T of every listed station, an empty one where T was not observed', () => {
    const window = new SystemWindow('town')
    window.merge([at(0, { station_id: 'b', bikes: 1, name: 'B' })])
    window.merge([at(1, { station_id: 'a', bikes: 2, lat: null })])
    const update = window.update(poll)!
    expect(update).toMatchObject({
      system: 'town',
      tbin_utc: BIN + BIN_MS,
      ts_utc: BIN + BIN_MS,
      station_ids: ['a', 'b'],
      names: ['Gare', 'B'],
      lats: [null, 48.85],
      lons: [2.35, 2.35],
    })
    expect(readSlot(update.slots, 0)?.bikes).toBe(2)
    expect(readSlot(update.slots, SLOT_BYTES)).toBeNull()
  })

  test('a late poll merges its slot and T stays the newest bin', () => {
    const window = new SystemWindow('town')
    window.merge([at(5, { bikes: 5 })])
    const { writes } = window.merge([at(3, { bikes: 3 })])
    expect(writes.stationIds).toEqual(['a'])
    expect(readSlot(writes.slots)?.bikes).toBe(3)
    const update = window.update(poll)!
    expect(update.tbin_utc).toBe(BIN + 5 * BIN_MS)
    expect(readSlot(update.slots)?.bikes).toBe(5)
  })

  test('a poll without rows gives every listed station’s newest slot again, so that the store is asked about each', () => {
    const window = new SystemWindow('town')
    window.merge([at(0, { station_id: 'b' }), at(1, { station_id: 'a' })])
    const { writes, rewritten } = window.merge([])
    expect(writes.stationIds).toEqual(['a', 'b'])
    expect([...writes.indexes]).toEqual([(BIN / BIN_MS + 1) % RING_SLOTS, (BIN / BIN_MS) % RING_SLOTS])
    expect(writes.slots).toHaveLength(2 * SLOT_BYTES)
    expect(rewritten.size).toBe(0)
  })

  test('a station is listed for 48 bins after its last observation and forgotten after 73', () => {
    const window = new SystemWindow('town')
    window.merge([at(0, { station_id: 'gone' })])
    window.merge([at(48)])
    expect(window.listed()).toEqual(['a', 'gone'])
    window.merge([at(49)])
    expect(window.listed()).toEqual(['a'])
    expect(window.size).toBe(2)
    window.merge([at(73)])
    expect(window.size).toBe(1)
  })

  test('nothing observed means no update, and a time that no slot holds is counted, not merged', () => {
    const window = new SystemWindow('town')
    expect(window.merge([observation({ ts_utc: 5, fetched_utc: 5 })])).toMatchObject({
      unfit: 1,
      writes: { stationIds: [] },
    })
    expect(window.update(poll)).toBeNull()
  })
})

describe('packed station', () => {
  test('ring and facts come back, also names beyond ASCII and unknown ones', () => {
    const facts = fc.record({
      name: fc.option(fc.string({ unit: 'binary', maxLength: 12 })),
      lat: fc.option(fc.double({ min: -90, max: 90, noNaN: true })),
      lon: fc.option(fc.double({ min: -180, max: 180, noNaN: true })),
    })
    fc.assert(
      fc.property(facts, fc.array(anyObservation, { maxLength: 5 }), (each, all) => {
        const station = { ring: ringOf(all), facts: each }
        const bins = all.map(({ ts_utc }) => floorBin(ts_utc))
        const newest = bins.length === 0 ? null : Math.max(...bins)
        const { ring, ...read } = readStation(packStation(station))!
        expect(ring.equals(station.ring)).toBe(true)
        expect(read).toEqual({ facts: each, newest })
      }),
    )
  })

  test('bytes too short to be a ring are no station', () => {
    expect(readStation(Buffer.alloc(RING_SLOTS * SLOT_BYTES - 1))).toBeNull()
  })
})
