import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordCity, writeRecording } from '../../services/ingest/simulator/record.ts'
import { dailyRows, fileHashes } from '../proof/daily-rows.ts'
import { expectedRows, type Recorded, type Row } from '../proof/expected-rows.ts'
import { startVelocast } from '../proof/velocast.ts'

const MONTH_END = Date.UTC(2026, 3, 1)
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
/** Polls of the quarter before the month's end come a day late, as the backlog of a poller that was cut off. */
const LATE = { from: MONTH_END - 30 * MINUTE_MS, until: MONTH_END - 15 * MINUTE_MS }

let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-month-'))
  const recorded = join(directory, 'recorded')
  mkdirSync(recorded)
  const start = MONTH_END - 26 * HOUR_MS
  const polls = recordCity({ seed: 3, stations: 25, start, end: MONTH_END + HOUR_MS, pollSeconds: 300 })
  await writeRecording({ polls, directory: recorded })
  for (const name of ['in-time', 'late']) mkdirSync(join(directory, name))
  for (const name of readdirSync(recorded)) {
    const isLate = name.startsWith('station_status') && utcOf(name) >= LATE.from && utcOf(name) < LATE.until
    const companion = !name.startsWith('station_status')
    for (const [place, belongs] of [
      ['in-time', !isLate],
      ['late', isLate || companion],
    ] as const) {
      if (belongs) copyFileSync(join(recorded, name), join(directory, place, name))
    }
  }
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function utcOf(name: string): number {
  const [, date = '', time = ''] = /(\d{8})T(\d{6})Z/.exec(name) ?? []
  const day = date.replace(/(\d{4})(\d{2})(\d{2})/, '$1-$2-$3')
  return Date.parse(`${day}T${time.replace(/(\d{2})(\d{2})(\d{2})/, '$1:$2:$3')}Z`)
}

function recordedIn(...places: string[]): Recorded {
  const files = places
    .flatMap((place) => readdirSync(join(directory, place)).map((name) => join(directory, place, name)))
    .sort((a, b) => utcOf(a) - utcOf(b))
  const bodies = (kind: string) =>
    files
      .filter((file) => file.includes(`/${kind}`))
      .map((file) => ({ time: utcOf(file), body: unpacked(readFileSync(file)) }))
  return {
    polls: bodies('station_status').map(({ time, body }) => ({ body, fetched: time })),
    described: bodies('station_information').map(({ time, body }) => ({ body, from: time })),
    weather: bodies('weather').map(({ time, body }) => ({ body, issued: time })),
  }
}

function unpacked(bytes: Buffer): Buffer {
  return bytes.readUInt16BE(0) === 0x1f8b ? gunzipSync(bytes) : bytes
}

function ofMarch(recorded: Recorded): Row[] {
  return expectedRows(recorded)
    .filter((row) => Number(row[1]) < MONTH_END)
    .sort(
      (a, b) =>
        Buffer.compare(Buffer.from(String(a[2])), Buffer.from(String(b[2]))) || Number(a[1]) - Number(b[1]),
    )
}

const store = (): string => join(directory, 'data', 'store', 'town')

async function replay(from: string): Promise<void> {
  const { code, stderr } = await startVelocast(
    [
      ...['up', '--source', 'replay', '--from', join(directory, from), '--system', 'town'],
      ...['--speed', 'max', '--until-exhausted', '--data', join(directory, 'data'), '--port', '0'],
    ],
    { VELOCAST_LOGGING_LEVEL: 'error' },
  ).ended
  expect([code, stderr]).toEqual([0, ''])
}

test('a month closes by itself when a replay crosses its end, and takes in what comes for it later', async () => {
  await replay('in-time')
  const monthly = join(store(), 'monthly')
  expect(readdirSync(monthly)).toEqual(['compact_2026-03.parquet'])
  expect(readdirSync(join(store(), 'daily'))).toEqual([
    'compact_2026-03-30.parquet',
    'compact_2026-03-31.parquet',
  ])
  const inTime = ofMarch(recordedIn('in-time'))
  expect(await dailyRows(monthly)).toEqual(inTime)

  await replay('late')
  const all = ofMarch(recordedIn('in-time', 'late'))
  expect(all.length).toBeGreaterThan(inTime.length)
  expect(await dailyRows(monthly)).toEqual(all)
  expect(readdirSync(monthly)).toEqual(['compact_2026-03.parquet'])

  const before = fileHashes(monthly)
  await replay('late')
  expect(fileHashes(monthly)).toEqual(before)
}, 300_000)
