import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareObservations } from '../../services/domain/observation.ts'
import {
  compareSlots,
  fitsSlot,
  LARGEST_COUNT,
  packSlot,
  readSlot,
  slotTime,
} from '../../services/domain/slot.ts'
import { SLOT_BYTES } from '../../services/domain/window.ts'
import { anyObservation, BIN, observation } from './observations.ts'

describe('slot', () => {
  test('a packed observation is read back: times, counts, flags and weather in single precision', () => {
    const packed = packSlot(
      observation({
        ts_utc: BIN + 299_999,
        fetched_utc: BIN + 310_123.5,
        docks: null,
        is_renting: false,
        temp_C: Math.fround(-3.7),
        precip_mm: 0,
      }),
    )
    expect(packed).toHaveLength(SLOT_BYTES)
    expect(readSlot(packed)).toMatchObject({
      tbin_utc: BIN,
      ts_utc: BIN + 299_999,
      fetched_utc: BIN + 310_123.5,
      bikes: 4,
      docks: null,
      mechanical: 3,
      ebike: 1,
      bikes_disabled: 0,
      docks_disabled: null,
      capacity: 30,
      is_installed: true,
      is_renting: false,
      is_returning: true,
      status_ok: true,
      temp_C: Math.fround(-3.7),
      precip_mm: 0,
      wind_mps: null,
    })
  })

  test('the layout is the documented one, byte by byte', () => {
    const packed = packSlot(
      observation({ ts_utc: BIN + 1, fetched_utc: BIN + 2, temp_C: 1, status: 'CLOSED' }),
    )
    expect(packed.readUInt32LE(0)).toBe(BIN / 300_000)
    expect(packed.readUInt32LE(4)).toBe(1)
    expect(packed.readDoubleLE(8)).toBe(BIN + 2)
    const counts = Array.from({ length: 7 }, (_, place) => packed.readInt16LE(20 + 2 * place))
    expect(counts).toEqual([4, 26, 3, 1, 0, -1, 30])
    expect(packed.readUInt16LE(34)).toBe(0b0111)
    expect(packed.readFloatLE(36)).toBe(1)
    expect(packed.readFloatLE(40)).toBeNaN()
    expect(packed.readFloatLE(44)).toBeNaN()
  })

  test('an empty slot reads as null', () => {
    expect(readSlot(Buffer.alloc(SLOT_BYTES))).toBeNull()
  })

  test('a count above the largest is held as the largest, never wrapped', () => {
    expect(readSlot(packSlot(observation({ bikes: 70_000 })))?.bikes).toBe(LARGEST_COUNT)
  })

  test('event times before the second bin of 1970 or beyond a 32-bit bin fit no slot', () => {
    expect([0, 299_999, 300_000, -1, 300_000 * 2 ** 32].map(fitsSlot)).toEqual([
      false,
      false,
      true,
      false,
      false,
    ])
  })

  test('slots are ordered as observations are', () => {
    fc.assert(
      fc.property(anyObservation, anyObservation, (a, b) => {
        const order = Math.sign(compareSlots(packSlot(a), 0, packSlot(b), 0))
        const expected = Math.sign(compareObservations(a, b))
        return order === expected || expected === 0
      }),
    )
  })

  test('slots of one event time are ordered by fetch time, then by content hash', () => {
    fc.assert(
      fc.property(anyObservation, anyObservation, fc.constantFrom(0, 1, 60_000), (a, other, later) => {
        const b = { ...other, ts_utc: a.ts_utc, fetched_utc: a.fetched_utc + later }
        const order = Math.sign(compareSlots(packSlot(a), 0, packSlot(b), 0))
        expect(order).toBe(Math.sign(compareObservations(a, b)) || order)
        if (later > 0) expect(order).toBe(-1)
      }),
    )
  })

  test('the event time of a slot is that of its observation', () => {
    fc.assert(fc.property(anyObservation, (any) => slotTime(packSlot(any)) === any.ts_utc))
  })
})
