import type avro from 'avsc'
import type { Clock } from '../clock.ts'
import { VelocastError } from '../errors.ts'
import type { AvroSchema, SchemaRegistryPort } from '../schema-registry/port.ts'
import { compileBounds } from './avro-bounds.ts'
import { compileAvro } from './avro-type.ts'
import type { RecordName } from './codec.ts'
import { FRAME_BYTES } from './frame.ts'
import { NAMESPACE, TOPIC_RECORDS } from './topic-records.ts'

/** Reads records that were written with one schema id. */
export interface AvroReader {
  name: RecordName
  /** The record, undefined when it does not end with its bytes; throws what avsc throws. */
  read(bytes: Buffer): unknown
}

export interface AvroReaders {
  /** Our own schema needs no resolution. */
  addOwn(id: number, name: RecordName, schema: AvroSchema): void
  /** Asks the registry for the ids that are not known yet. Throws `registry_unreachable`. */
  load(values: (Buffer | null)[]): Promise<void>
  get(id: number): AvroReader | VelocastError
}

/** Unknown ids remembered, so that a run of poisoned records does not ask the registry for each again. */
const REMEMBERED_UNKNOWN = 1_000
/** How long: a schema may be registered late, and then its dead letters are replayed to services that run. */
const REMEMBERED_MS = 10_000

const RECORD_NAMES = [...new Set(Object.values(TOPIC_RECORDS).flat())]

/** Readers by schema id. */
export function createReaders(options: {
  registry: SchemaRegistryPort
  typeOf: (name: RecordName) => avro.Type
  clock: Pick<Clock, 'now'>
}): AvroReaders {
  const { registry, typeOf, clock } = options
  const readers = new Map<number, AvroReader | VelocastError>()
  /** Id → until when it is taken as unknown. */
  const unknown = new Map<number, number>()

  return {
    addOwn(id, name, schema) {
      readers.set(id, { name, read: reading(typeOf(name), schema) })
    },
    async load(values) {
      const missing = new Set<number>()
      for (const bytes of values) {
        if (bytes === null || bytes.length < FRAME_BYTES || bytes[0] !== 0) continue
        const id = bytes.readUInt32BE(1)
        if (!readers.has(id) && clock.now() >= (unknown.get(id) ?? 0)) missing.add(id)
      }
      for (const id of missing) {
        const schema = await registry.schema(id)
        if (schema !== null) readers.set(id, resolve(id, schema, typeOf))
        else {
          if (unknown.size >= REMEMBERED_UNKNOWN) unknown.clear()
          unknown.set(id, clock.now() + REMEMBERED_MS)
        }
      }
    },
    get(id) {
      return (
        readers.get(id) ??
        new VelocastError({
          code: 'schema_unknown_id',
          message: `registry has no schema of this id, see that the writer used the same registry: ${id}`,
          data: { id },
        })
      )
    },
  }
}

function resolve(
  id: number,
  schema: AvroSchema,
  typeOf: (name: RecordName) => avro.Type,
): AvroReader | VelocastError {
  try {
    const writer = compileAvro(schema)
    const name = RECORD_NAMES.find((candidate) => writer.name === `${NAMESPACE}.${candidate}`)
    if (name === undefined) throw new Error(`it is of no record of ours: ${writer.name}`)
    return { name, read: reading(typeOf(name), schema, typeOf(name).createResolver(writer)) }
  } catch (error) {
    return new VelocastError({
      code: 'schema_incompatible',
      message: `schema of id ${id} cannot be read as ours: ${error instanceof Error ? error.message : String(error)}`,
      cause: error,
      data: { id },
    })
  }
}

function reading(
  type: avro.Type,
  writer: AvroSchema,
  resolver?: ReturnType<avro.Type['createResolver']>,
): AvroReader['read'] {
  const withinBounds = compileBounds(writer)
  return (bytes) => {
    if (withinBounds !== null && !withinBounds(bytes, FRAME_BYTES)) return undefined
    const { value, offset } = type.decode(bytes, FRAME_BYTES, resolver)
    return offset === bytes.length ? value : undefined
  }
}
