import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { readAvroSchema } from '../../services/platform/event-log/avro-schemas.ts'
import type { Codec, RecordName } from '../../services/platform/event-log/codec.ts'
import { openConfluentRegistry } from '../../services/platform/schema-registry/confluent.ts'
import type { AvroSchema } from '../../services/platform/schema-registry/port.ts'

/** The codec of a later version: each of our schemas with one more field that has a default, and a value in it. */
export function evolvedCodec({ registryUrl, version }: { registryUrl: string; version: number }): Codec {
  const added = `added_in_${version}`
  const codec = createCodec({
    registry: openConfluentRegistry({ url: registryUrl }),
    schemaOf: (name: RecordName) => {
      const schema = readAvroSchema(name) as AvroSchema & { fields: object[] }
      const field = { name: added, type: ['null', 'string'], default: null }
      return { ...schema, fields: [...schema.fields, field] } as AvroSchema
    },
  })
  return {
    ...codec,
    encode: (topic, name, value) => codec.encode(topic, name, { ...value, [added]: 'of a later version' }),
  }
}
