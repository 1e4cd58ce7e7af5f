import { expect, test } from 'vitest'
import type { Clock } from '../../../services/platform/clock.ts'
import { openMemoryLookUpStore } from '../../../services/platform/look-up-store/memory.ts'
import { describeLookUpStore, lookUp } from '../look-up-store.conformance.ts'

describeLookUpStore('memory', async () => {
  const store = openMemoryLookUpStore()
  return { store, close: () => store.close() }
})

test('look-ups in memory end with their time to live, and an older poll is then taken', async () => {
  let now = 0
  const clock: Clock = { now: () => now, sleep: async () => {} }
  const store = openMemoryLookUpStore({ clock })
  const system = {
    system: 'town',
    source: 'live' as const,
    poll_id: 'p',
    outcome: 'ok',
    tbin_utc: 600_000,
    ts_utc: 600_000,
    fetched_utc: 600_000,
    stations: 1,
    stale: false,
    withheld: false,
    horizons: [15],
    model_versions: {},
  }
  await store.publish({ system, rows: [lookUp('town', 'a')], ttlSeconds: 10 })
  now = 9_999
  expect(await store.stations('town')).toHaveLength(1)
  now = 10_000
  expect(await store.stations('town')).toEqual([])
  expect(await store.station('town', 'a')).toBeNull()
  expect(await store.system('town')).toBeNull()
  expect(await store.systems()).toEqual([])
  const older = { ...system, tbin_utc: 300_000 }
  expect(await store.publish({ system: older, rows: [], ttlSeconds: 10 })).toBe(true)
})
