import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { expect, test } from 'vitest'
import { floorBin } from '../../services/domain/bin.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { bronzePath } from '../../services/platform/object-store/layout.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { bronzeContentName, encodeBronze } from '../../services/platform/parquet/bronze.ts'
import { OBSERVATION_COLUMNS } from '../../services/platform/parquet/columns.ts'
import type { RunRecord } from '../../services/platform/run-ledger/run-ledger.ts'
import { compactDaily } from '../../services/sink/compaction/daily.ts'
import { compactMonthly } from '../../services/sink/compaction/monthly.ts'
import { laterObservation } from '../../services/sink/last-observation.ts'
import { lastOfEach, observationOf, pollOf } from './observations.ts'
import { fingerprint, openTown, rowOf, rowsOf, type Town } from './town.ts'

const DAY = '2024-11-05'
const MIDNIGHT = Date.UTC(2024, 10, 5)
const MINUTE = 60_000
const DAILY = `town/daily/compact_${DAY}.parquet`
const MONTHLY = 'town/monthly/compact_2024-11.parquet'
const system = 'town'

const hourly = (hours = 6, day = MIDNIGHT): Observation[][] =>
  Array.from({ length: hours }, (_, hour) => pollOf({ ts: day + hour * 60 * MINUTE + 5_000 }).observations)

async function putParts(objects: ObjectStore, parts: readonly Observation[][]): Promise<string[]> {
  const paths = parts.map((rows) =>
    bronzePath({ system, bin: floorBin(rows[0]!.ts_utc), content: bronzeContentName(rows) }),
  )
  for (const [index, path] of paths.entries()) await objects.put(path, encodeBronze({ rows: parts[index]! }))
  return paths
}

async function requireDay(town: Town, parts: readonly Observation[][], day = DAY): Promise<void> {
  const rows = await rowsOf(town.platform.objects, `town/daily/compact_${day}.parquet`)
  expect(rows).toEqual(lastOfEach(parts.flat(), day).map(rowOf))
}

async function bronzeOf({ platform }: Town): Promise<string[]> {
  return (await platform.objects.list('town/bronze/')).map(({ path }) => path)
}

async function runsOf({ platform }: Town, job: string): Promise<RunRecord[]> {
  const runs = await platform.objects.list(`town/runs/${job}/`)
  const records = runs.map(async ({ path }) => JSON.parse(String((await platform.objects.get(path))!.bytes)))
  return Promise.all(records)
}

test('ties of time and fetch go to the greatest content hash, in SQL as in the domain', async () => {
  const tied = (over: Partial<Observation>): Observation =>
    observationOf({ ts_utc: MIDNIGHT + 1_000, published_utc: MIDNIGHT, ...over })
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(
        fc.record({
          bikes: fc.option(fc.nat(3)),
          name: fc.option(fc.constantFrom('a|b', 'a', "'quoted'", 'é ☃ 𝄞', '')),
          is_renting: fc.boolean(),
          last_reported: fc.option(fc.constantFrom(0, -1, MIDNIGHT)),
          weather_issued: fc.option(fc.constantFrom(MIDNIGHT, 1)),
          temp_C: fc.option(fc.constantFrom(1.5, -1.5)),
          lat: fc.option(fc.constantFrom(1, 1.0000001)),
        }),
        { minLength: 2, maxLength: 6, selector: (row) => JSON.stringify(row) },
      ),
      async (overs) => {
        const town = await openTown()
        const rows = overs.map(tied)
        await putParts(
          town.platform.objects,
          rows.map((row) => [row]),
        )
        await compactDaily({ platform: town.platform, system, day: DAY })
        const [kept] = await rowsOf(town.platform.objects, DAILY)
        expect(kept).toEqual(rowOf(rows.reduce(laterObservation)))
        expect(kept).toEqual(rowOf([...rows].reverse().reduce(laterObservation)))
      },
    ),
    { numRuns: 4 },
  )
})

test('one file, byte for byte, in any order of parts, on one thread and on two', async () => {
  const overlapping = [
    ...hourly(),
    ...hourly(3).map((rows) => rows.map((row) => ({ ...row, bikes: 1, poll_id: 'other' }))),
  ]
  const digests = new Set<string>()
  for (const [index, parts] of [overlapping, [...overlapping].reverse()].entries()) {
    const town = await openTown()
    await putParts(town.platform.objects, parts)
    await compactDaily({ platform: town.platform, system, day: DAY, threads: index === 0 ? 1 : 2 })
    digests.add((await fingerprint(town.platform.objects))[DAILY]!)
    await requireDay(town, overlapping)
  }
  expect(digests.size).toBe(1)
})

test('hyparquet and DuckDB read the same rows, sorted by station and bin', async () => {
  const town = await openTown()
  await putParts(town.platform.objects, hourly())
  await compactDaily({ platform: town.platform, system, day: DAY })
  const { bytes } = (await town.platform.objects.get(DAILY))!
  const file = new Uint8Array(bytes).buffer
  const read = await parquetReadObjects({ file, compressors })
  const plain = read.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, value instanceof Date ? value.getTime() : value]),
    ),
  )
  expect(plain).toEqual(await rowsOf(town.platform.objects, DAILY))
  expect(Object.keys(plain[0]!)).toEqual(OBSERVATION_COLUMNS.map(({ name }) => name))
})

test('late parts merge into the finished day, its export and its month', async () => {
  const town = await openTown()
  const { platform } = town
  await putParts(platform.objects, hourly(4))
  await compactDaily({ platform, system, day: DAY })
  await compactMonthly({ platform, system, month: '2024-11' })
  const late = [
    pollOf({ ts: MIDNIGHT + 9 * 60 * MINUTE }).observations,
    hourly(1)[0]!.map((row) => ({ ...row, ts_utc: row.ts_utc + 9, bikes: 0 })),
  ]
  await putParts(platform.objects, late)
  const report = await compactDaily({ platform, system, day: DAY })
  expect(report).toMatchObject({
    outcome: 'written',
    rows: 20,
    purged: 2,
    events: { outcome: 'written' },
    month: { outcome: 'written' },
  })
  await requireDay(town, [...hourly(4), ...late])
  expect(await rowsOf(platform.objects, MONTHLY)).toEqual(await rowsOf(platform.objects, DAILY))
})

test('a run that finds nothing new writes nothing', async () => {
  const town = await openTown({ config: { sink: { purge_bronze: false } } })
  const { platform } = town
  await putParts(platform.objects, hourly(2))
  await compactDaily({ platform, system, day: DAY })
  const before = await platform.objects.list('town/daily')
  expect(await compactDaily({ platform, system, day: DAY })).toMatchObject({
    outcome: 'unchanged',
    purged: 0,
    parts: 2,
  })
  expect(await platform.objects.list('town/daily')).toEqual(before)
})

test('a part that cannot be read is named and kept, and the rest goes on', async () => {
  const town = await openTown()
  const { platform } = town
  const [first] = await putParts(platform.objects, hourly(3))
  const whole = (await platform.objects.get(first!))!
  const torn = `town/bronze/date=${DAY}/hour=07/2024-11-05T07-00-000000000000.parquet`
  const foreign = `town/bronze/date=${DAY}/hour=08/2024-11-05T08-00-000000000000.parquet`
  await platform.objects.put(torn, whole.bytes.subarray(0, 900))
  await platform.objects.put(foreign, Buffer.from('not a Parquet file'))
  const report = await compactDaily({ platform, system, day: DAY })
  expect(report).toMatchObject({ outcome: 'written', rows: 12, purged: 3 })
  expect(report.unreadable.map(({ path }) => path)).toEqual([torn, foreign])
  expect(report.unreadable.every(({ reason }) => reason.length > 0)).toBe(true)
  expect(await bronzeOf(town)).toEqual([torn, foreign])
  await requireDay(town, hourly(3))
})

test('a part with rows of another day is kept, for the daily does not hold them', async () => {
  const town = await openTown()
  const { platform } = town
  await putParts(platform.objects, hourly(1))
  const misfiled = `town/bronze/date=${DAY}/hour=00/2024-11-05T00-05-000000000000.parquet`
  await platform.objects.put(misfiled, encodeBronze({ rows: pollOf({ ts: MIDNIGHT - MINUTE }).observations }))
  const report = await compactDaily({ platform, system, day: DAY })
  expect(report).toMatchObject({ unverified: [misfiled], purged: 1, rows: 4 })
  expect(await bronzeOf(town)).toEqual([misfiled])
})

test('a daily that cannot be read is never written over, and its parts are kept', async () => {
  const town = await openTown()
  const { platform } = town
  await platform.objects.put(DAILY, Buffer.from('PAR1 broken'))
  const paths = await putParts(platform.objects, hourly(2))
  await expect(compactDaily({ platform, system, day: DAY })).rejects.toMatchObject({
    code: 'store_object_unreadable',
  })
  expect(String((await platform.objects.get(DAILY))!.bytes)).toBe('PAR1 broken')
  expect(await bronzeOf(town)).toEqual(paths)
  expect(await runsOf(town, 'compact-daily')).toMatchObject([
    { status: 'failed', error: { code: 'store_object_unreadable' } },
  ])
})

test('a part written anew during the run is not purged', async () => {
  const town = await openTown()
  const { platform } = town
  const [path] = await putParts(platform.objects, hourly(1))
  const again = encodeBronze({ rows: hourly(1)[0]! })
  const fault = async (step: string): Promise<void> => {
    if (step === 'verified') await platform.objects.put(path!, again)
  }
  expect(await compactDaily({ platform, system, day: DAY, fault })).toMatchObject({ purged: 0 })
  expect(await bronzeOf(town)).toEqual([path])
})

const STEPS = ['leased', 'read', 'merged', 'published', 'refreshed', 'verified']

test.each(STEPS)('a run that ends after %s loses nothing, and the next gives the same', async (stop) => {
  const town = await openTown()
  const { platform } = town
  await putParts(platform.objects, hourly(3))
  const fault = (step: string): void => {
    if (step === stop) throw new Error('the process is gone')
  }
  await expect(compactDaily({ platform, system, day: DAY, fault })).rejects.toThrow('the process is gone')
  expect(await bronzeOf(town)).toHaveLength(3)
  await compactDaily({ platform, system, day: DAY })
  await requireDay(town, hourly(3))
  expect(await bronzeOf(town)).toEqual([])
})

test('of two compactors at once one is told who holds the lease; a killed holder blocks until its lease ends', async () => {
  const town = await openTown()
  const { platform, clock } = town
  await putParts(platform.objects, hourly(2))
  const holding = Promise.withResolvers<void>()
  const killed = Promise.withResolvers<void>()
  const first = compactDaily({
    platform,
    system,
    day: DAY,
    fault: async (step) => {
      if (step !== 'merged') return
      holding.resolve()
      await killed.promise
    },
  })
  await holding.promise
  await expect(compactDaily({ platform, system, day: DAY })).rejects.toMatchObject({
    code: 'lease_held',
    retryable: true,
  })
  const stopped = {
    ...platform,
    objects: platform.objects,
    clock: { ...clock, now: () => clock.now() + 61_000, sleep: clock.sleep.bind(clock) },
  }
  expect(await compactDaily({ platform: stopped, system, day: DAY })).toMatchObject({
    outcome: 'written',
    fencing_token: 2,
    purged: 2,
  })
  const before = await fingerprint(platform.objects)
  killed.resolve()
  await expect(first).rejects.toMatchObject({ code: 'lease_lost' })
  expect(await fingerprint(platform.objects)).toEqual(before)
})

test('a dry run reports what would be, writes its run record alone, and deletes nothing', async () => {
  const town = await openTown()
  const { platform } = town
  await putParts(platform.objects, hourly(2))
  const before = await fingerprint(platform.objects)
  expect(await compactDaily({ platform, system, day: DAY, dryRun: true })).toMatchObject({
    outcome: 'written',
    rows: 8,
    purged: 0,
  })
  expect(await compactMonthly({ platform, system, month: '2024-11', dryRun: true })).toMatchObject({
    outcome: 'nothing',
  })
  expect(await fingerprint(platform.objects)).toEqual(before)
  expect(await platform.objects.list('town/leases')).toEqual([])
  expect(await runsOf(town, 'compact-daily')).toMatchObject([
    { dry_run: true, status: 'succeeded', report: { rows: 8 } },
  ])
})

test('a day without parts and without a daily is nothing', async () => {
  const { platform } = await openTown()
  expect(await compactDaily({ platform, system, day: DAY })).toMatchObject({ outcome: 'nothing', rows: 0 })
  expect(Object.keys(await fingerprint(platform.objects))).toEqual([])
})

test('months without dailies keep every row, and late rows bring their day back for as long as it takes', async () => {
  const town = await openTown({ config: { sink: { keep_dailies: false } } })
  const { platform } = town
  const nextDay = hourly(2, MIDNIGHT + 24 * 60 * MINUTE)
  await putParts(platform.objects, [...hourly(2), ...nextDay])
  await compactDaily({ platform, system, day: DAY })
  await compactDaily({ platform, system, day: '2024-11-06' })
  expect(await compactMonthly({ platform, system, month: '2024-11' })).toMatchObject({
    rows: 16,
    days: 2,
    purged: 2,
  })
  expect(await platform.objects.list('town/daily/')).toEqual([])
  const late = pollOf({ ts: MIDNIGHT + 9 * 60 * MINUTE }).observations
  await putParts(platform.objects, [late])
  const report = await compactDaily({ platform, system, day: DAY })
  expect(report).toMatchObject({ rows: 12, purged: 1, month: { rows: 20, days: 2, purged: 1 } })
  expect(await platform.objects.list('town/daily/')).toEqual([])
  const expected = [
    ...lastOfEach([...hourly(2).flat(), ...late], DAY),
    ...lastOfEach(nextDay.flat(), '2024-11-06'),
  ]
  const order = (row: Observation): string => `${row.station_id} ${row.ts_utc}`
  expect(await rowsOf(platform.objects, MONTHLY)).toEqual(
    expected.sort((a, b) => (order(a) < order(b) ? -1 : 1)).map(rowOf),
  )
})

test('a daily that the month does not hold as it is, is not purged', async () => {
  const town = await openTown({ config: { sink: { keep_dailies: false } } })
  const { platform } = town
  await putParts(platform.objects, hourly(2))
  await compactDaily({ platform, system, day: DAY })
  const fault = async (step: string): Promise<void> => {
    if (step !== 'read') return
    const other = await openTown()
    await putParts(other.platform.objects, hourly(3))
    await compactDaily({ platform: other.platform, system, day: DAY })
    await platform.objects.put(DAILY, (await other.platform.objects.get(DAILY))!.bytes)
  }
  expect(await compactMonthly({ platform, system, month: '2024-11', fault })).toMatchObject({ purged: 0 })
  await requireDay(town, hourly(3))
})

test('metadata holds business facts, of which the content hash is the same in any file of the same rows', async () => {
  const { platform } = await openTown()
  await putParts(platform.objects, hourly(2))
  const daily = await compactDaily({ platform, system, day: DAY })
  const monthly = await compactMonthly({ platform, system, month: '2024-11' })
  expect(monthly.content_hash).toBe(daily.content_hash)
  expect(daily.content_hash).toBe(independentHash(lastOfEach(hourly(2).flat(), DAY)))
})

/** The content hash as docs/storage.md describes it, without SQL. */
function independentHash(rows: readonly Observation[]): string {
  let upper = 0n
  let lower = 0n
  for (const row of rows) {
    const cells = rowOf(row)
    const texts = OBSERVATION_COLUMNS.map(({ name, type }) => {
      const value = cells[name]
      if (typeof value !== 'number' || (type !== 'double' && type !== 'float')) return value ?? ''
      return Number.isInteger(value) ? `${value}.0` : shortest(value, type)
    })
    const digest = createHash('md5').update(texts.join('|')).digest()
    lower += digest.readBigUInt64LE(0)
    upper += digest.readBigUInt64LE(8)
  }
  return [upper, lower].map((half) => (half % 2n ** 64n).toString(16).padStart(16, '0')).join('')
}

/** Fewest decimal digits that give the value back in its precision. */
function shortest(value: number, type: 'double' | 'float'): string {
  for (let digits = 1; ; digits += 1) {
    const text = value.toPrecision(digits)
    if ((type === 'float' ? Math.fround(Number(text)) : Number(text)) === value) return text
  }
}
