import type avro from 'avsc'
import { type Clock, systemClock } from '../clock.ts'
import { VelocastError } from '../errors.ts'
import type { AvroSchema, SchemaRegistryPort } from '../schema-registry/port.ts'
import { type AvroReader, createReaders } from './avro-reader.ts'
import { readAvroSchema } from './avro-schemas.ts'
import { compileAvro } from './avro-type.ts'
import type { Codec, Decoded, RecordName, RecordTypes } from './codec.ts'
import { FRAME_BYTES, frameEncoder } from './frame.ts'
import { subjectOf, TOPIC_RECORDS } from './topic-records.ts'

export interface CodecOptions {
  registry: SchemaRegistryPort
  /** Topic → records it carries. Default TOPIC_RECORDS. */
  topics?: Readonly<Record<string, readonly RecordName[]>>
  /** Our schemas. Default those of schemas/avro. */
  schemaOf?: (name: RecordName) => AvroSchema
  /** Tells when an unknown id is asked for again. */
  clock?: Pick<Clock, 'now'>
}

interface Writer {
  encode(value: unknown): Buffer
  type: avro.Type
}

/**
 * The codec on avsc: types are compiled once, encoding and decoding are synchronous once the schema ids are known.
 * A record written with another version of its schema is resolved to ours; an id that is not ours is asked of the
 * registry once, one that the registry does not have every ten seconds. Memory: one compiled reader for each schema id met.
 */
export function createCodec(options: CodecOptions): Codec {
  const { registry, topics = TOPIC_RECORDS, schemaOf = readAvroSchema, clock = systemClock } = options
  const types = new Map<RecordName, avro.Type>()
  const writers = new Map<string, Map<RecordName, Writer>>()
  const typeOf = (name: RecordName): avro.Type => {
    const type = types.get(name) ?? compileAvro(schemaOf(name))
    types.set(name, type)
    return type
  }
  const readers = createReaders({ registry, typeOf, clock })
  const nextFrame = frameEncoder()

  return {
    async register() {
      for (const topic of Object.keys(topics).sort()) {
        for (const name of topics[topic]!) {
          const schema = schemaOf(name)
          const id = await registry.register(subjectOf(topic, name), schema)
          const type = typeOf(name)
          readers.addOwn(id, name, schema)
          const ofTopic = writers.get(topic) ?? new Map<RecordName, Writer>()
          writers.set(topic, ofTopic.set(name, { type, encode: nextFrame(type, id) }))
        }
      }
    },
    encode(topic, name, value) {
      const writer = writers.get(topic)?.get(name)
      if (writer === undefined) throw notRegistered(topic, name)
      try {
        return writer.encode(value)
      } catch (error) {
        throw invalid(topic, name, writer.type, value, error)
      }
    },
    async decode(topic, values) {
      await readers.load(values)
      const names = topics[topic] ?? []
      return values.map((bytes) => decodeOne(topic, names, bytes, readers.get))
    },
  }
}

function decodeOne(
  topic: string,
  names: readonly RecordName[],
  bytes: Buffer | null,
  readerOf: (id: number) => AvroReader | VelocastError,
): Decoded | VelocastError {
  if (bytes === null) {
    return new VelocastError({
      code: 'record_null_value',
      message: `record of ${topic} must have a value, got null`,
    })
  }
  if (bytes.length < FRAME_BYTES || bytes[0] !== 0) {
    const start = bytes.subarray(0, FRAME_BYTES).toString('hex')
    return corrupt(
      topic,
      `it must begin with byte 0 and a schema id, begins with ${start === '' ? 'nothing' : start}`,
    )
  }
  const reader = readerOf(bytes.readUInt32BE(1))
  if (reader instanceof VelocastError) return reader
  if (!names.includes(reader.name)) {
    return corrupt(topic, `its schema is of a record that the topic does not carry: ${reader.name}`)
  }
  try {
    const value = reader.read(bytes)
    if (value === undefined)
      return corrupt(topic, `${reader.name} does not end with its ${bytes.length} bytes`)
    return { name: reader.name, value: value as RecordTypes[RecordName] } as Decoded
  } catch (error) {
    return corrupt(topic, error instanceof Error ? error.message : String(error), error)
  }
}

function corrupt(topic: string, reason: string, cause?: unknown): VelocastError {
  return new VelocastError({
    code: 'record_corrupt',
    message: `record of ${topic} cannot be decoded: ${reason}`,
    cause,
  })
}

function notRegistered(topic: string, name: RecordName): VelocastError {
  return new VelocastError({
    code: 'internal',
    message: `codec must be registered and the topic carry the record before it is encoded: ${topic} ${name}`,
  })
}

function invalid(
  topic: string,
  name: RecordName,
  type: avro.Type,
  value: unknown,
  cause: unknown,
): VelocastError {
  const faults: string[] = []
  type.isValid(value, {
    errorHook: (path, fault) => faults.push(`${path.join('.')} got ${String(fault).slice(0, 100)}`),
  })
  const where = faults[0] ?? (cause instanceof Error ? cause.message : String(cause))
  return new VelocastError({
    code: 'record_invalid',
    message: `${name} for ${topic} does not fit its schema: ${where}`,
    cause,
    data: { topic, name },
  })
}
