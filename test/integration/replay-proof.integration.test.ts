import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Storage } from '@google-cloud/storage'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openGcsStore } from '../../services/platform/object-store/gcs.ts'
import { dailyDays, dailyRows, fileHashes } from '../proof/daily-rows.ts'
import { expectedRows, type Row } from '../proof/expected-rows.ts'
import { baywheels, docomo, type Recording, simulated } from '../proof/recordings.ts'
import { startVelocast, type VelocastRun } from '../proof/velocast.ts'
import { recordedData } from '../recorded-data.ts'
import { type GcsServer, startGcs } from '../stack/gcs.ts'
import { type KafkaServer, startKafka } from '../stack/kafka.ts'
import { type RedisServer, startRedis } from '../stack/redis.ts'
import { type RegistryServer, startRegistry } from '../stack/registry.ts'

const BUCKET = 'velocast-proof'
const data = recordedData()
let directory: string
let kafka: KafkaServer
let registry: RegistryServer
let redis: RedisServer
let gcs: GcsServer

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-proof-'))
  ;[kafka, registry, redis, gcs] = await Promise.all([
    startKafka(),
    startRegistry(),
    startRedis(),
    startGcs(),
  ])
  await new Storage({ apiEndpoint: gcs.endpoint, projectId: 'test' }).createBucket(BUCKET)
})

afterAll(async () => {
  await Promise.all([kafka, registry, redis, gcs].map((server) => server?.stop()))
  rmSync(directory, { recursive: true, force: true })
})

function replayArguments({ system, from, information, timezone }: Recording, target: string): string[] {
  const source = ['--source', 'replay', '--from', from, '--information', information, '--system', system]
  return [
    'up',
    ...source,
    '--timezone',
    timezone,
    '--speed',
    'max',
    '--until-exhausted',
    '--data',
    target,
    '--port',
    '0',
  ]
}

/** The whole pipeline in one process, on its embedded parts; gives the directory of the daily files. */
async function inOneProcess(recording: Recording, target: string): Promise<string> {
  const { code, stderr } = await startVelocast(replayArguments(recording, target)).ended
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return join(target, 'store', recording.system, 'daily')
}

/** The whole pipeline on Kafka, registry, Redis and the GCS emulator; gives a local copy of the daily files. */
async function onRealServers(recording: Recording, target: string): Promise<string> {
  const { code, stderr } = await startVelocast(replayArguments(recording, target), {
    VELOCAST_LOG_KIND: 'kafka',
    VELOCAST_LOG_BROKERS: kafka.brokers.join(','),
    VELOCAST_LOG_SESSION_TIMEOUT_MS: '6000',
    VELOCAST_REGISTRY_URL: registry.url,
    VELOCAST_REDIS_URL: redis.url,
    VELOCAST_STORAGE_ROOT: `gs://${BUCKET}`,
    VELOCAST_STORAGE_GCS_ENDPOINT: gcs.endpoint,
  }).ended
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const store = openGcsStore({ bucket: BUCKET, apiEndpoint: gcs.endpoint })
  const copies = mkdtempSync(join(target, 'daily-'))
  for (const { path } of await store.list(`${recording.system}/daily/`)) {
    await store.download(path, join(copies, basename(path)))
  }
  return copies
}

/** Resolves when the forecasts of a replay that runs have come to a moment of the recording. */
async function reached({ child, ended }: VelocastRun, utc: number): Promise<void> {
  const line = await Promise.race([once(child.stdout!, 'data'), ended.then(() => '')])
  const url = /http:\/\/\S+/.exec(String(line))?.[0] ?? ''
  for (;;) {
    const answer = await fetch(`${url}/v1/systems`)
    const { systems } = (await answer.json()) as { systems: { state: { ts_utc: number } | null }[] }
    if ((systems[0]?.state?.ts_utc ?? 0) >= utc) return
    await sleep(20)
  }
}

/** The recording's rows on the days that have a daily file: each must be a day whose end the last poll has passed. */
function completeDays(recording: Recording, daily: string): Row[] {
  const days = dailyDays(daily)
  const rows = expectedRows(recording)
  const last = rows.reduce((newest, [ts]) => Math.max(newest, Number(ts)), 0)
  const complete = new Set(
    rows.map((row) => dayOf(Number(row[1]))).filter((day) => Date.parse(day) + 86_400_000 <= last),
  )
  expect(days).toEqual([...complete].sort())
  return rows.filter((row) => complete.has(dayOf(Number(row[1]))))
}

function dayOf(utc: number): string {
  return new Date(utc).toISOString().slice(0, 10)
}

/** As `toEqual`, without a difference of a hundred thousand lines. */
function expectSameRows(actual: Row[], expected: Row[]): void {
  const different = expected.findIndex((row, index) => JSON.stringify(row) !== JSON.stringify(actual[index]))
  expect(actual[different]).toEqual(expected[different])
  expect(actual.length).toBe(expected.length)
}

const cities: Promise<Recording>[] = []
const wholes = new Map<Recording, Promise<string>>()

/** The seeded city, recorded once for all tests. */
function seededCity(): Promise<Recording> {
  cities[0] ??= simulated(mkdtempSync(join(directory, 'recording-')))
  return cities[0]
}

/** What a recording gives in one process; a second asker is given the same files. */
function replayedOnce(recording: Recording): Promise<string> {
  const known = wholes.get(recording) ?? inOneProcess(recording, mkdtempSync(join(directory, 'one-')))
  wholes.set(recording, known)
  return known
}

const RECORDINGS: [name: string, open: () => Promise<Recording>, present: boolean][] = [
  ['a seeded city with gaps, late and repeated polls', seededCity, true],
  ['Bay Wheels, 385 recorded polls of three days', async () => baywheels(data ?? ''), data !== null],
  ['Docomo, 13 hours of recorded polls a minute', () => docomo(data ?? ''), data !== null],
]

describe.each(RECORDINGS)('replaying %s', (_name, open, present) => {
  test.skipIf(!present)(
    'gives daily Parquet equal to a computation straight from the JSON, in one process and on real servers (skipped without recorded data)',
    async () => {
      const recording = await open()
      const one = await replayedOnce(recording)
      const real = await onRealServers(recording, mkdtempSync(join(directory, 'real-')))
      const expected = completeDays(recording, one)
      expect(expected.length).toBeGreaterThan(10_000)
      expectSameRows(await dailyRows(one), expected)
      expect(fileHashes(real)).toEqual(fileHashes(one))
    },
    1_800_000,
  )
})

test('replaying again changes no daily file, export or artefact, byte for byte', async () => {
  const recording = await seededCity()
  const target = join(await replayedOnce(recording), '..', '..', '..')
  const kept = (): Record<string, string> => {
    const hashes = Object.entries(fileHashes(join(target, 'store', recording.system)))
    return Object.fromEntries(
      hashes.filter(([path]) => /^(daily|exports|monitoring\/data|serving)\//.test(path)),
    )
  }
  const before = kept()
  await inOneProcess(recording, target)
  expect(Object.keys(before).length).toBeGreaterThan(10)
  expect(kept()).toEqual(before)
}, 900_000)

test('a process stopped in the middle of a replay and started again ends with the same daily files', async () => {
  const recording = await seededCity()
  const whole = await replayedOnce(recording)
  const target = mkdtempSync(join(directory, 'stopped-'))
  const [signalled, killed] = [Date.parse('2026-03-11T07:00Z'), Date.parse('2026-03-11T16:00Z')]
  for (const [signal, at] of [
    ['SIGTERM', signalled],
    ['SIGKILL', killed],
  ] as const) {
    const run = startVelocast(replayArguments(recording, target))
    await reached(run, at)
    run.child.kill(signal)
    const { code } = await run.ended
    expect(code).toBe(signal === 'SIGTERM' ? 0 : null)
  }
  const resumed = await inOneProcess(recording, target)
  expect(fileHashes(resumed)).toEqual(fileHashes(whole))
}, 900_000)
