import { beforeEach, describe, expect, test } from 'vitest'
import { RING_SLOTS, SLOT_BYTES, type SlotWrites } from '../../services/domain/window.ts'
import type { WindowStore } from '../../services/platform/window-store/port.ts'

export interface WindowStoreUnderTest {
  store: WindowStore
  /** Forgets everything, as an operator's FLUSHALL does. */
  empty(): Promise<void>
  close(): Promise<void>
}

const VALUE_BYTES = RING_SLOTS * SLOT_BYTES
const BIN = 1_700_000_100_000

let run = 0

/** What every window store promises. */
export function describeWindowStore(name: string, open: () => Promise<WindowStoreUnderTest>): void {
  describe(`window store: ${name}`, () => {
    let system = ''
    beforeEach(() => {
      run += 1
      system = `town-${process.pid}-${run}`
    })

    const with_ = async (law: (store: WindowStore, empty: () => Promise<void>) => Promise<void>) => {
      const opened = await open()
      try {
        await law(opened.store, opened.empty)
      } finally {
        await opened.close()
      }
    }
    const value = (fill: number, facts = ''): Buffer =>
      Buffer.concat([Buffer.alloc(VALUE_BYTES, fill), Buffer.from(facts)])
    /** Station, place in the ring and what fills the slot. */
    const writesOf = (...each: [stationId: string, index: number, fill: number][]): SlotWrites => ({
      stationIds: each.map(([stationId]) => stationId),
      indexes: Uint8Array.from(each, ([, index]) => index),
      slots: Buffer.concat(each.map(([, , fill]) => Buffer.alloc(SLOT_BYTES, fill))),
    })

    test('a system never written loads as nothing and reads as nulls', () =>
      with_(async (store) => {
        expect(await store.load(system)).toEqual(new Map())
        expect(await store.read(system, ['a', 'b'])).toEqual([null, null])
      }))

    test('claims only grow', () =>
      with_(async (store) => {
        const first = await store.claim(system)
        expect(await store.claim(system)).toBeGreaterThan(first)
      }))

    test('slots of a station that is absent are reported missing and write nothing', () =>
      with_(async (store) => {
        const epoch = await store.claim(system)
        const writes = writesOf(['a', 0, 1], ['b', 1, 2], ['b', 2, 3])
        const { missing } = await store.write({ system, epoch, newestBin: BIN, writes })
        expect(missing.sort()).toEqual(['a', 'b'])
        expect(await store.read(system, ['a', 'b'])).toEqual([null, null])
        expect((await store.load(system)).size).toBe(0)
      }))

    test('a restored value is read and loaded byte for byte, facts included', () =>
      with_(async (store) => {
        const epoch = await store.claim(system)
        const rings = new Map([
          ['1002059045', value(1, 'Place d’Italie')],
          ['b', value(2)],
        ])
        await store.restore({ system, epoch, newestBin: BIN, rings })
        expect(await store.load(system)).toEqual(rings)
        expect(await store.read(system, ['b', 'none', '1002059045'])).toEqual([
          rings.get('b'),
          null,
          rings.get('1002059045'),
        ])
      }))

    test('a slot is written in place and nothing beside it changes', () =>
      with_(async (store) => {
        const epoch = await store.claim(system)
        await store.restore({ system, epoch, newestBin: BIN, rings: new Map([['a', value(7, 'facts')]]) })
        const last = RING_SLOTS - 1
        const { missing } = await store.write({
          system,
          epoch,
          newestBin: BIN,
          writes: writesOf(['a', 0, 1], ['a', last, 2]),
        })
        expect(missing).toEqual([])
        const expected = value(7, 'facts')
        expected.fill(1, 0, SLOT_BYTES)
        expected.fill(2, last * SLOT_BYTES, VALUE_BYTES)
        expect(await store.read(system, ['a'])).toEqual([expected])
      }))

    test('a write of several thousand stations reports exactly the missing ones', () =>
      with_(async (store) => {
        const epoch = await store.claim(system)
        const ids = Array.from({ length: 12_001 }, (_, place) => `station-${place}`)
        const present = ids.filter((_, place) => place % 1_000 !== 0)
        await store.restore({
          system,
          epoch,
          newestBin: BIN,
          rings: new Map(present.map((id) => [id, value(0)])),
        })
        const { missing } = await store.write({
          system,
          epoch,
          newestBin: BIN,
          writes: writesOf(...ids.map((id, place): [string, number, number] => [id, place % RING_SLOTS, 5])),
        })
        expect(missing).toEqual(ids.filter((_, place) => place % 1_000 === 0))
        const [second] = await store.read(system, ['station-11999'])
        const at = (11_999 % RING_SLOTS) * SLOT_BYTES
        expect(second?.subarray(at, at + SLOT_BYTES)).toEqual(Buffer.alloc(SLOT_BYTES, 5))
      }))

    test('an owner that another one followed is refused and changes nothing', () =>
      with_(async (store) => {
        const old = await store.claim(system)
        const rings = new Map([['a', value(1)]])
        await store.restore({ system, epoch: old, newestBin: BIN, rings })
        const epoch = await store.claim(system)
        const write = store.write({ system, epoch: old, newestBin: BIN, writes: writesOf(['a', 0, 9]) })
        await expect(write).rejects.toMatchObject({ code: 'window_stale_epoch', retryable: false })
        const restore = store.restore({
          system,
          epoch: old,
          newestBin: BIN,
          rings: new Map([['a', value(9)]]),
        })
        await expect(restore).rejects.toMatchObject({ code: 'window_stale_epoch' })
        expect(await store.load(system)).toEqual(rings)
        await store.write({ system, epoch, newestBin: BIN, writes: writesOf(['a', 0, 2]) })
      }))

    test('a write whose newest bin is behind the owner’s own is refused, after a new claim it is taken', () =>
      with_(async (store) => {
        const epoch = await store.claim(system)
        await store.write({ system, epoch, newestBin: BIN, writes: writesOf() })
        const write = store.write({ system, epoch, newestBin: BIN - 300_000, writes: writesOf() })
        await expect(write).rejects.toMatchObject({ code: 'window_stale_epoch' })
        const next = await store.claim(system)
        expect(
          await store.write({ system, epoch: next, newestBin: BIN - 300_000, writes: writesOf() }),
        ).toEqual({
          missing: [],
        })
      }))

    test('systems do not touch each other', () =>
      with_(async (store) => {
        const other = `${system}-other`
        const epoch = await store.claim(system)
        const otherEpoch = await store.claim(other)
        await store.restore({ system, epoch, newestBin: BIN, rings: new Map([['a', value(1)]]) })
        const { missing } = await store.write({
          system: other,
          epoch: otherEpoch,
          newestBin: BIN,
          writes: writesOf(['a', 0, 1]),
        })
        expect(missing).toEqual(['a'])
      }))

    test('an emptied store takes its owner’s next write and reports every station missing', () =>
      with_(async (store, empty) => {
        const epoch = await store.claim(system)
        await store.restore({ system, epoch, newestBin: BIN, rings: new Map([['a', value(1)]]) })
        await empty()
        const write = { system, epoch, newestBin: BIN, writes: writesOf(['a', 0, 9]) }
        expect(await store.write(write)).toEqual({ missing: ['a'] })
        await store.restore({ system, epoch, newestBin: BIN, rings: new Map([['a', value(3)]]) })
        expect(await store.read(system, ['a'])).toEqual([value(3)])
      }))
  })
}
