import { expect, test } from 'vitest'
import type { Observation } from '../../services/domain/observation.ts'
import { systemClock } from '../../services/platform/clock.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import { openInProcessLog } from '../../services/platform/event-log/in-process.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { POLL_COLUMNS } from '../../services/platform/parquet/columns.ts'
import type { Platform } from '../../services/platform/service.ts'
import { GROUPS, TOPICS } from '../../services/platform/topics.ts'
import { claimSinkLedger, readSinkLedgers } from '../../services/sink/ledger.ts'
import { createSinkService, type SinkOptions, type SinkStep } from '../../services/sink/service.ts'
import { lastOfEach, type Poll, pollOf, pollRecordOf } from './observations.ts'
import { fingerprint, openTown, rowOf, rowsOf, type Town, until } from './town.ts'

const DAY = '2024-11-05'
const MIDNIGHT = Date.UTC(2024, 10, 5)
const MINUTE = 60_000

/** A day's end and the next one's begin: late, repeated, tied, unchanged and failed polls among the others. */
function recording(): Poll[] {
  const polls: Poll[] = []
  for (let minute = 23 * 60; minute < 24 * 60 + 14; minute += 2) {
    if (minute % 34 === 0) continue
    const ts = MIDNIGHT + minute * MINUTE + 7_000
    polls.push(pollOf({ ts }))
    if (minute % 26 === 0) polls.push(pollOf({ ts: ts - 11 * MINUTE, fetched: ts + 9_000, seed: 3 }))
    if (minute % 22 === 0) polls.push(polls.at(-1)!)
    if (minute % 38 === 0) polls.push(pollOf({ ts, fetched: ts + 1_500, seed: 5 }))
    const idle = { fetched_utc: ts + 30_000, poll_id: `idle-${minute}` }
    if (minute % 18 === 0)
      polls.push({ observations: [], record: pollRecordOf({ ...idle, outcome: 'not_modified' }) })
  }
  return polls
}

const observationsOf = (polls: readonly Poll[]): Observation[] =>
  polls.flatMap(({ observations }) => observations)

async function runToTheEnd(platform: Platform, options: SinkOptions = {}): Promise<void> {
  const sink = createSinkService(platform, { ledgerIntervalMs: 0, ...options })
  try {
    await sink.start()
    await until(() => sink.caughtUp())
    await sink.finish()
    await sink.drain(new AbortController().signal)
  } finally {
    await sink.close()
  }
}

async function requireDay(town: Town, polls: readonly Poll[]): Promise<void> {
  const expected = lastOfEach(observationsOf(polls), DAY).map(rowOf)
  expect(await rowsOf(town.platform.objects, `town/daily/compact_${DAY}.parquet`)).toEqual(expected)
}

test('the day is of each station and bin the last observation, every column', async () => {
  const town = await openTown()
  await town.publish(recording())
  await runToTheEnd(town.platform)
  await requireDay(town, recording())
  const paths = Object.keys(await fingerprint(town.platform.objects))
  expect(paths.filter((path) => path.includes(`bronze/date=${DAY}`))).toEqual([])
  expect(paths.filter((path) => path.includes('bronze/date=2024-11-06')).length).toBeGreaterThan(1)
  expect(paths).toContain(`town/exports/events_${DAY}.parquet`)
  expect(paths).toContain('town/exports/events.parquet')
})

test('every fetch of a poll is kept once, in the order of the log', async () => {
  const town = await openTown()
  await town.publish(recording())
  await runToTheEnd(town.platform)
  const { objects } = town.platform
  const paths = (await objects.list('town/polls/')).map(({ path }) => path)
  const kept = (await Promise.all(paths.map((path) => rowsOf(objects, path, POLL_COLUMNS as never)))).flat()
  const records = recording().map(({ record }) => record)
  const fetches = new Map(records.map((record) => [`${record.poll_id} ${record.fetched_utc}`, record]))
  expect(fetches.size).toBeLessThan(records.length)
  const idsOf = (polls: { poll_id?: unknown }[]) => polls.map(({ poll_id }) => poll_id)
  expect(idsOf(kept)).toEqual(idsOf([...fetches.values()]))
  expect(kept[0]).toEqual({ ...records[0], refused: '{"count_missing":2,"station_duplicate":1}' })
})

test('the same records once more change nothing, byte for byte', async () => {
  const town = await openTown()
  await town.publish(recording())
  await runToTheEnd(town.platform)
  const before = await fingerprint(town.platform.objects)
  await town.publish(recording())
  await runToTheEnd(town.again())
  expect(await fingerprint(town.platform.objects)).toEqual(before)
})

test('a log that was lost and replayed from the start changes nothing either', async () => {
  const town = await openTown()
  await town.publish(recording())
  await runToTheEnd(town.platform)
  const before = await fingerprint(town.platform.objects)
  const fresh = await openTown({ objects: town.platform.objects })
  await fresh.publish(recording())
  await runToTheEnd(fresh.platform)
  expect(await fingerprint(town.platform.objects)).toEqual(before)
})

const STOPS: { step: SinkStep; times: number }[] = [
  { step: 'claimed', times: 1 },
  { step: 'taken', times: 2 },
  { step: 'part_written', times: 5 },
  { step: 'parts_written', times: 2 },
  { step: 'ledger_written', times: 1 },
  { step: 'ledger_written', times: 3 },
  { step: 'committed', times: 2 },
]

/** What an undisturbed run leaves; computed once. */
let undisturbed: Promise<Record<string, string>> | null = null
async function expectedObjects(): Promise<Record<string, string>> {
  const town = await openTown()
  await town.publish(recording())
  await runToTheEnd(town.platform)
  return fingerprint(town.platform.objects)
}

test.each(STOPS)(
  'a stop after $step, time $times, and a new start give the same',
  async ({ step, times }) => {
    undisturbed ??= expectedObjects()
    const before = await undisturbed

    const stopped = await openTown()
    const polls = recording()
    const third = Math.ceil(polls.length / 3)
    let count = 0
    const failures: unknown[] = []
    const sink = createSinkService(stopped.platform, {
      ledgerIntervalMs: 0,
      fault: (name) => {
        if (name === step) count += 1
        if (name === step && count >= times) throw new Error('the process is gone')
      },
    })
    sink.onFailure((error) => failures.push(error))
    await sink.start()
    for (let from = 0; from < polls.length; from += third) {
      await stopped.publish(polls.slice(from, from + third))
      await until(async () => failures.length > 0 || (await sink.caughtUp()))
    }
    expect(failures).toHaveLength(1)
    await sink.close()
    await runToTheEnd(stopped.again())
    await requireDay(stopped, polls)
    const { objects } = stopped.platform
    expect(await fingerprint(objects, 'town/daily')).toEqual(pick(before, 'town/daily'))
    expect(await fingerprint(objects, 'town/exports')).toEqual(pick(before, 'town/exports'))
  },
)

function pick(all: Record<string, string>, prefix: string): Record<string, string> {
  return Object.fromEntries(Object.entries(all).filter(([path]) => path.startsWith(prefix)))
}

test('a store that fails every third write costs nothing but time', async () => {
  const town = await openTown()
  let writes = 0
  const objects: ObjectStore = {
    ...town.platform.objects,
    put: async (...put) => {
      writes += 1
      if (writes % 3 === 0)
        throw new VelocastError({ code: 'store_full', message: 'disk is full', retryable: true })
      return town.platform.objects.put(...put)
    },
  }
  await town.publish(recording())
  const sink = createSinkService(town.again({ objects }), { ledgerIntervalMs: 0 })
  await sink.start()
  await until(() => sink.caughtUp())
  await sink.drain(new AbortController().signal)
  await sink.close()
  await runToTheEnd(town.again())
  await requireDay(town, recording())
})

test('an owner whose partition was claimed by another writes no ledger and commits nothing', async () => {
  const town = await openTown()
  await town.publish(recording().slice(0, 15))
  const sink = createSinkService(town.platform, { ledgerIntervalMs: 0 })
  await sink.start()
  await until(() => sink.caughtUp())
  const committed = await town.platform.log.lag(GROUPS.sink, [TOPICS.status])
  const partition = committed.find(({ end }) => end > 0)!.partition
  const { ledger } = await claimSinkLedger(town.platform.objects, partition)
  await town.publish(recording().slice(15, 30))
  await until(() => sink.health().some(({ ok }) => !ok))
  const after = await readSinkLedgers(town.platform.objects)
  expect(Object.fromEntries(after)).toEqual(ledger.systems)
  const now = await town.platform.log.lag(GROUPS.sink, [TOPICS.status])
  expect(now.map((lag) => lag.committed)).toEqual(committed.map((lag) => lag.committed))
  await sink.close()
})

test('the ledger names the first offset that is not durable, and what is closed', async () => {
  const town = await openTown()
  const at = (minute: number) => pollOf({ ts: MIDNIGHT + minute * MINUTE, stations: 2 })
  await town.publish([at(0), at(3), at(6), at(9)])
  const sink = createSinkService(town.platform, { ledgerIntervalMs: 0 })
  await sink.start()
  await until(() => sink.caughtUp())
  expect((await readSinkLedgers(town.platform.objects)).get('town')).toEqual({
    next_offset: 6,
    polls_next_offset: 2,
    watermark: MIDNIGHT + 9 * MINUTE,
    closed_through: MIDNIGHT + 5 * MINUTE,
  })
  expect((await town.platform.objects.list('town/bronze/')).length).toBe(1)
  await sink.finish()
  expect((await readSinkLedgers(town.platform.objects)).get('town')).toEqual({
    next_offset: 12,
    polls_next_offset: 12,
    watermark: MIDNIGHT + 9 * MINUTE,
    closed_through: MIDNIGHT + 10 * MINUTE,
  })
  await sink.close()
})

test('polls without observations close nothing, however late they are', async () => {
  const town = await openTown()
  const idle = pollRecordOf({ poll_id: 'idle', outcome: 'not_modified', fetched_utc: MIDNIGHT + 90 * MINUTE })
  await town.publish([pollOf({ ts: MIDNIGHT }), { observations: [], record: idle }])
  const sink = createSinkService(town.platform, { ledgerIntervalMs: 0 })
  await sink.start()
  await until(() => sink.caughtUp())
  expect(await town.platform.objects.list('town/bronze/')).toEqual([])
  await sink.close()
})

test('a system is due by its own watermark, and by the schedule only looked at', async () => {
  const town = await openTown()
  await town.publish(recording())
  const sink = createSinkService(town.platform, { ledgerIntervalMs: 0 })
  await sink.start()
  await until(() => sink.caughtUp())
  const dailies = async () => (await town.platform.objects.list('town/daily/')).length
  await tick(town)
  expect(await dailies()).toBe(0)
  await town.publish([pollOf({ ts: MIDNIGHT + 26 * 60 * MINUTE })])
  await until(() => sink.caughtUp())
  await tick(town)
  await until(async () => (await dailies()) === 1)
  await sink.close()
  await requireDay(town, recording())
})

/** Moves the clock to the next check of the schedule, and lets that run. */
async function tick({ clock }: Town): Promise<void> {
  do {
    await clock.settled()
    clock.advance(MINUTE)
    await new Promise((resolve) => setTimeout(resolve, 5))
  } while (Math.floor(clock.now() / MINUTE) % 10 !== 0)
}

test('a log that survives its process goes on where its effects ended', async () => {
  const town = await openTown()
  const file = `${town.directory}/log.sqlite`
  const first = await openTown({
    log: openInProcessLog({ file, clock: systemClock }),
    objects: town.platform.objects,
  })
  const polls = recording()
  await first.publish(polls.slice(0, 15))
  const sink = createSinkService(first.platform, { ledgerIntervalMs: 0 })
  await sink.start()
  await until(() => sink.caughtUp())
  await sink.drain(new AbortController().signal)
  await sink.close()
  await first.publish(polls.slice(15))
  await runToTheEnd(first.again())
  await requireDay(first, polls)
})
