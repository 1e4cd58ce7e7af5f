import avro from 'avsc'
import type { AvroSchema } from './port.ts'

/**
 * Why `schema` is not FULL_TRANSITIVE with the earlier schemas of its subject, null when it is: by Avro's schema
 * resolution it must read each of them and each must read it.
 */
export function findIncompatibility(options: { schema: AvroSchema; earlier: AvroSchema[] }): string | null {
  const current = parse(options.schema)
  for (const [index, schema] of options.earlier.entries()) {
    const previous = parse(schema)
    const version = `version ${index + 1}`
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

function resolutionFault(reader: avro.Type, writer: avro.Type): string | null {
  try {
    reader.createResolver(writer)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
