import avro from 'avsc'
import type { AvroSchema } from './port.ts'

/**
 * Why `schema` is not FULL_TRANSITIVE with the earlier schemas of its subject, null when it is: by Avro's schema
 * resolution it must read each of them and each must read it.
 */
export function findIncompatibility(options: { schema: AvroSchema; earlier: AvroSchema[] }): string | null {
  const current = parse(options.schema)
  for (const [index, schema] of options.earlier.entries()) {
    const version = `version ${index + 1}`
    const previous = parseEarlier(schema)
    if (typeof previous === 'string') return `${version} is no schema that can be read: ${previous}`
    const backward = resolutionFault(current, previous)
    if (backward !== null) return `it cannot read ${version}: ${backward}`
    const forward = resolutionFault(previous, current)
    if (forward !== null) return `${version} cannot read it: ${forward}`
  }
  return null
}

function parse(schema: AvroSchema): avro.Type {
  return avro.Type.forSchema(schema as avro.Schema, { wrapUnions: 'never' })
}

function parseEarlier(schema: AvroSchema): avro.Type | string {
  try {
    return parse(schema)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Why `reader` does not read what `writer` wrote, with the field where one is to blame. */
function resolutionFault(reader: avro.Type, writer: avro.Type): string | null {
  try {
    reader.createResolver(writer)
    return null
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const field = faultyField(reader, writer)
    return field === null ? reason : `field ${field}, ${reason}`
  }
}

function faultyField(reader: avro.Type, writer: avro.Type): string | null {
  if (!(reader instanceof avro.types.RecordType && writer instanceof avro.types.RecordType)) return null
  const written = new Map(writer.fields.map(({ name, type }) => [name, type]))
  const faulty = reader.fields.find(({ name, type }) => {
    const other = written.get(name)
    return other !== undefined && resolutionFault(type, other) !== null
  })
  return faulty?.name ?? null
}
