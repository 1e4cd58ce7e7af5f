import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { Registry } from 'prom-client'
import type { Observation } from '../../services/domain/observation.ts'
import type { PollRecord } from '../../services/domain/poll.ts'
import type { Clock } from '../../services/platform/clock.ts'
import { type Config, configSchema } from '../../services/platform/config.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import type { Codec, Decoded } from '../../services/platform/event-log/codec.ts'
import type { EventLog, OutgoingRecord } from '../../services/platform/event-log/port.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import { TOPICS } from '../../services/platform/topics.ts'

export interface Publish {
  topic: string
  records: OutgoingRecord[]
}

/** A platform whose log keeps what was published, call by call, and fails when told to. */
export interface RecordingPlatform {
  config: Config
  clock: Clock
  logger: pino.Logger
  metrics: Registry
  log: EventLog
  codec: Codec
  objects: ObjectStore
  published: Publish[]
  lines: Record<string, unknown>[]
  /** Called before each publish; may throw. */
  onPublish: { fault: ((topic: string) => void) | null }
  decoded(topic: string): Promise<Decoded['value'][]>
  polls(): Promise<PollRecord[]>
  observations(): Promise<Observation[]>
}

async function preparedCodec(): Promise<Codec> {
  const directory = mkdtempSync(join(tmpdir(), 'velocast-codec-'))
  try {
    const codec = createCodec({ registry: openLocalRegistry({ directory }) })
    await codec.register()
    return codec
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
const codecOnce = preparedCodec()

export async function recordingPlatform(options: {
  clock: Clock
  config?: unknown
  objects?: ObjectStore
}): Promise<RecordingPlatform> {
  const codec = await codecOnce
  const published: Publish[] = []
  const lines: Record<string, unknown>[] = []
  const onPublish: RecordingPlatform['onPublish'] = { fault: null }
  const unused = (): never => {
    throw new Error('ingest only publishes')
  }
  const log: EventLog = {
    ensureTopics: async () => {},
    publish: async (topic, records) => {
      onPublish.fault?.(topic)
      published.push({ topic, records })
      return records.map((_, offset) => ({ topic, partition: 0, offset }))
    },
    subscribe: unused,
    lag: unused,
    offsetsAt: unused,
    close: async () => {},
  }
  const decoded = async (topic: string): Promise<Decoded['value'][]> => {
    const values = published.filter((each) => each.topic === topic).flatMap(({ records }) => records)
    const results = await codec.decode(
      topic,
      values.map(({ value }) => value),
    )
    return results.map((result) => {
      if (result instanceof Error) throw result
      return result.value
    })
  }
  return {
    config: configSchema.parse(options.config ?? {}),
    clock: options.clock,
    logger: pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    metrics: new Registry(),
    log,
    codec,
    objects: options.objects ?? memoryStore(),
    published,
    lines,
    onPublish,
    decoded,
    polls: async () =>
      (await decoded(TOPICS.status)).filter(
        (value): value is PollRecord => 'outcome' in value && 'rows' in value,
      ),
    observations: async () =>
      (await decoded(TOPICS.status)).filter((value): value is Observation => 'poll_index' in value),
  }
}

/** Objects in memory: enough of the store for a ledger. */
export function memoryStore(): ObjectStore & { contents: Map<string, Buffer> } {
  const contents = new Map<string, Buffer>()
  const unused = (): never => {
    throw new Error('ingest only gets and puts')
  }
  return {
    contents,
    get: async (path) => {
      const bytes = contents.get(path)
      return bytes === undefined ? null : { path, size: bytes.length, generation: '1', bytes }
    },
    put: async (path, bytes) => {
      contents.set(path, Buffer.from(bytes))
      return { path, size: bytes.length, generation: '1' }
    },
    list: unused,
    delete: unused,
    download: unused,
    upload: unused,
  }
}
