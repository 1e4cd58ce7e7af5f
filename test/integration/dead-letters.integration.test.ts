import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openPlatform } from '../../services/cli/composition.ts'
import { DAY_MS } from '../../services/domain/bin.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { loadConfig } from '../../services/platform/config-file.ts'
import { readAvroSchema } from '../../services/platform/event-log/avro-schemas.ts'
import { compileAvro } from '../../services/platform/event-log/avro-type.ts'
import { subjectOf } from '../../services/platform/event-log/topic-records.ts'
import { openConfluentRegistry } from '../../services/platform/schema-registry/confluent.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import type { SchemaRegistryPort } from '../../services/platform/schema-registry/port.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { observation, pollRecord } from '../platform/event-log/arbitrary-records.ts'
import { dailyRows } from '../proof/daily-rows.ts'
import { startVelocast, type VelocastRun } from '../proof/velocast.ts'
import { type KafkaServer, startKafka } from '../stack/kafka.ts'
import { freePort } from '../stack/ports.ts'
import { type RegistryServer, startRegistry } from '../stack/registry.ts'

const SYSTEM = 'velib'
const DAY = '2024-11-01'
const START = Date.UTC(2024, 10, 1, 8)
const LATE = 'late'
const SCHEMA = readAvroSchema('StationObservation')
/** A later version of the schema, as a newer writer would register it. */
const LATER = {
  ...SCHEMA,
  fields: [...SCHEMA.fields, { name: 'note', type: ['null', 'string'], default: null }],
}

interface Setup {
  environment: Record<string, string>
  registry: SchemaRegistryPort
  /** A service may run beside the command line. */
  together: boolean
}

function observed(station_id: string, at: number, place: number): Observation {
  return observation({
    station_id,
    ts_utc: at,
    fetched_utc: at + 3_000,
    published_utc: at,
    poll_id: `poll-${at}`,
    poll_index: place,
    poll_count: 3,
  })
}

/** One poll of three stations; `lateId` writes one of them with the later schema, under an id that nobody knows yet. */
async function publishPoll({ environment }: Setup, at: number, lateId?: number): Promise<void> {
  const config = loadConfig({ env: environment })
  const { platform, close } = await openPlatform({ config, logger: pino({ level: 'silent' }) })
  const { codec, log } = platform
  try {
    await codec.register()
    const observations = ['a', 'b', LATE].map((station, place) => observed(station, at, place))
    await log.publish(TOPICS.status, [
      ...observations.map((value) => ({
        partitionKey: SYSTEM,
        key: `${SYSTEM}/${value.station_id}`,
        value:
          lateId !== undefined && value.station_id === LATE
            ? framed(lateId, compileAvro(LATER).toBuffer({ ...value, note: 'new' }))
            : codec.encode(TOPICS.status, 'StationObservation', value),
        headers: { ce_type: 'velocast.station-observation.v1', ce_id: value.poll_id },
      })),
      {
        partitionKey: SYSTEM,
        key: SYSTEM,
        value: codec.encode(
          TOPICS.status,
          'PollRecord',
          pollRecord({
            poll_id: `poll-${at}`,
            rows: 3,
            ts_utc: at,
            fetched_utc: at + 3_000,
            published_utc: at,
          }),
        ),
      },
    ])
  } finally {
    await close()
  }
}

function framed(id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(id, 1)
  return Buffer.concat([head, body])
}

async function velocast<Answer>(setup: Setup, ...args: string[]): Promise<Answer> {
  const { code, stdout, stderr } = await startVelocast([...args, '--json'], setup.environment).ended
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as Answer
}

/** The sink in a process of its own until the condition holds on its metrics or files; it is then stopped where it must. */
class Sink {
  readonly #setup: Setup
  #running: (VelocastRun & { url: string }) | null = null

  constructor(setup: Setup) {
    this.#setup = setup
  }

  async until(what: string, holds: (metrics: string) => boolean): Promise<void> {
    if (this.#running === null) {
      const port = await freePort()
      const run = startVelocast(['run', 'sink', '--port', String(port)], this.#setup.environment)
      this.#running = { ...run, url: `http://127.0.0.1:${port}` }
    }
    const { url, child } = this.#running
    for (const limit = Date.now() + 60_000; ; await sleep(100)) {
      if (child.exitCode !== null || Date.now() > limit) throw new Error(`the sink never came to: ${what}`)
      const metrics = await fetch(`${url}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      )
      if (holds(metrics)) break
    }
    if (!this.#setup.together) await this.stop()
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = null
    running?.child.kill('SIGTERM')
    if (running !== null) expect((await running.ended).code).toBe(0)
  }
}

interface Report {
  published: number
  already_replayed: number
  still_refused: { code: string }[]
}

async function lawOfReplay(setup: Setup): Promise<void> {
  const store = join(setup.environment.VELOCAST_DATA!, 'store', SYSTEM)
  await velocast(setup, 'topics')
  const sink = new Sink(setup)
  const lateId = await nextId(setup.registry)
  await publishPoll(setup, START, lateId)
  await publishPoll(setup, START + 300_000)
  try {
    const refused = /velocast_dead_letters_total\{service="sink",code="schema_unknown_id"\} 1\b/
    await sink.until('the record is refused', (metrics) => refused.test(metrics))
    const seen = Date.now()

    type Letters = { matched: number; letters: Record<string, unknown>[] }
    const { letters } = await velocast<Letters>(setup, 'dlq', 'list', '--system', SYSTEM)
    expect(letters).toMatchObject([
      { service: 'sink', code: 'schema_unknown_id', key: `${SYSTEM}/${LATE}`, replayed: false },
    ])
    expect(await velocast<Letters>(setup, 'dlq', 'list', '--code', 'record_corrupt')).toMatchObject({
      matched: 0,
    })
    const show = (): Promise<unknown[]> => velocast<unknown[]>(setup, 'dlq', 'show')
    expect(await show()).toMatchObject([
      { record: null, hex: expect.stringMatching(/^00/), headers: { ce_id: `poll-${START}` } },
    ])
    const replay = (...more: string[]): Promise<Report> =>
      velocast<Report>(setup, 'dlq', 'replay', '--service', 'sink', ...more)
    expect(await replay()).toMatchObject({ published: 0, still_refused: [{ code: 'schema_unknown_id' }] })

    expect(await setup.registry.register(subjectOf(TOPICS.status, 'StationObservation'), LATER)).toBe(lateId)
    expect(await show()).toMatchObject([{ record: { value: { station_id: LATE } } }])
    expect(await replay('--dry-run')).toMatchObject({ published: 1, still_refused: [] })
    // A running service takes an unknown id as unknown for ten seconds.
    if (setup.together) await sleep(Math.max(0, seen + 10_500 - Date.now()))
    expect(await replay()).toMatchObject({ published: 1, already_replayed: 0 })
    expect(await replay()).toMatchObject({ published: 0, already_replayed: 1 })

    await publishPoll(setup, START + DAY_MS)
    const parts = (): string[] => bronze(store).filter((name) => name.includes('T08-00'))
    await sink.until('the late row is written', () => parts().length === 2)
    await velocast(setup, 'compact', 'daily', '--day', DAY)
    await sink.stop()
  } finally {
    await sink.stop().catch(() => {})
  }
  const rows = await dailyRows(join(store, 'daily'))
  const ofFirst = rows.filter((row) => row[0] === START).map((row) => row[2])
  expect(ofFirst).toEqual(['a', 'b', LATE])
  expect(rows).toHaveLength(6)
}

function bronze(store: string): string[] {
  try {
    return readdirSync(join(store, 'bronze'), { recursive: true }).map(String)
  } catch {
    return []
  }
}

/** Ids are counted: the next schema to be registered gets it. */
async function nextId(registry: SchemaRegistryPort): Promise<number> {
  let id = 1
  while ((await registry.schema(id)) !== null) id += 1
  return id
}

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-dead-letters-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('a record that was refused for a schema that nobody knew yet, and is replayed once it is known', () => {
  test('is in the daily file exactly once, on the log of one process', async () => {
    const data = join(directory, 'embedded')
    await lawOfReplay({
      environment: { VELOCAST_DATA: data },
      registry: openLocalRegistry({ directory: join(data, 'schemas') }),
      together: false,
    })
  })

  describe.skipIf(inject('kafkaBrokers') === undefined)('(skipped where Kafka cannot be had)', () => {
    let kafka: KafkaServer
    let registry: RegistryServer
    beforeAll(async () => {
      ;[kafka, registry] = await Promise.all([startKafka(), startRegistry()])
    })
    afterAll(() => Promise.all([kafka?.stop(), registry?.stop()]))

    test('is in the daily file exactly once, on Kafka, with the sink running all the while', async () => {
      await lawOfReplay({
        environment: {
          VELOCAST_DATA: join(directory, 'kafka'),
          VELOCAST_LOG_KIND: 'kafka',
          VELOCAST_LOG_BROKERS: kafka.brokers.join(','),
          VELOCAST_LOG_PARTITIONS: '3',
          VELOCAST_LOG_SESSION_TIMEOUT_MS: '6000',
          VELOCAST_REGISTRY_URL: registry.url,
        },
        registry: openConfluentRegistry({ url: registry.url }),
        together: true,
      })
    })
  })
})
