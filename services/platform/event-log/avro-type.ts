import avro from 'avsc'
import type { AvroSchema } from '../schema-registry/port.ts'

/**
 * A compiled type: nullable values are plain (`["null", T]` unwrapped), `timestamp-millis` is a number, and decoded
 * records are plain objects.
 */
export function compileAvro(schema: AvroSchema): avro.Type {
  const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: 'never', omitRecordMethods: true })
  makePlain(type)
  return type
}

function makePlain(type: avro.Type): void {
  if (avro.Type.isType(type, 'record')) {
    const record = type as avro.types.RecordType
    const { recordConstructor } = record as unknown as { recordConstructor: { prototype: object } }
    if (recordConstructor.prototype === Object.prototype) return
    recordConstructor.prototype = Object.prototype
    for (const field of record.fields) makePlain(field.type)
  } else if (avro.Type.isType(type, 'array')) {
    makePlain((type as avro.types.ArrayType).itemsType)
  } else if (avro.Type.isType(type, 'map')) {
    makePlain((type as unknown as { valuesType: avro.Type }).valuesType)
  } else if (avro.Type.isType(type, 'union')) {
    for (const branch of (type as avro.types.UnwrappedUnionType).types) makePlain(branch)
  }
}
