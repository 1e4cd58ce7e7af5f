import { beforeEach, describe, expect, test } from 'vitest'
import { createCodec } from '../../../services/platform/event-log/avro-codec.ts'
import { readAvroSchema } from '../../../services/platform/event-log/avro-schemas.ts'
import { subjectOf } from '../../../services/platform/event-log/topic-records.ts'
import type { AvroSchema, SchemaRegistryPort } from '../../../services/platform/schema-registry/port.ts'
import { observation } from '../event-log/arbitrary-records.ts'

const V1: AvroSchema = readAvroSchema('StationObservation')
const V2: AvroSchema = {
  ...V1,
  fields: [
    ...V1.fields.filter(({ name }) => name !== 'docks_disabled'),
    { name: 'is_virtual', type: 'boolean', default: false },
    { name: 'note', type: ['null', 'string'], default: null },
  ],
}

/** The contract of services/platform/schema-registry/port.ts; `open` gives the same registry each time it is called. */
export function describeSchemaRegistry(
  name: string,
  create: () => Promise<{ open: () => SchemaRegistryPort }>,
): void {
  describe(`schema registry: ${name}`, () => {
    let open: () => SchemaRegistryPort
    let registry: SchemaRegistryPort
    let topic: string
    let subject: string

    beforeEach(async () => {
      open = (await create()).open
      registry = open()
      topic = `test.status.${process.pid}.${Math.random().toString(36).slice(2, 10)}`
      subject = subjectOf(topic, 'StationObservation')
    })

    test('a schema has one id, however often and by whomever it is registered', async () => {
      const id = await registry.register(subject, V1)
      expect(Number.isInteger(id)).toBe(true)
      expect(await registry.register(subject, V1)).toBe(id)
      expect(await open().register(subject, V1)).toBe(id)
    })

    test('a schema that several processes register first at the same moment has one id', async () => {
      const ids = await Promise.all(Array.from({ length: 8 }, () => open().register(subject, V1)))
      expect(new Set(ids).size).toBe(1)
    })

    test('a schema is fetched by its id as it was registered; an id that was never given is null', async () => {
      const id = await registry.register(subject, V2)
      const fetched = await open().schema(id)
      expect(fetched?.fields.map(({ name, default: fallback }) => [name, fallback])).toEqual(
        V2.fields.map(({ name, default: fallback }) => [name, fallback]),
      )
      expect(await open().schema(2_000_000_000)).toBeNull()
    })

    test('a compatible change gives a new id and the old one stays', async () => {
      const first = await registry.register(subject, V1)
      const second = await registry.register(subject, V2)
      expect(second).not.toBe(first)
      expect(await registry.register(subject, V1)).toBe(first)
      expect((await open().schema(first))?.fields).toHaveLength(V1.fields.length)
    })

    test.each<[change: string, schema: AvroSchema]>([
      ['a field without a default', { ...V1, fields: [...V1.fields, { name: 'new_field', type: 'int' }] }],
      ['a field that changes its type', retyped('mechanical', 'string', '')],
      ['a field that is widened, since old readers cannot read it', retyped('mechanical', 'long', 0)],
      [
        'a missing field without a default',
        { ...V1, fields: V1.fields.filter((field) => field.name !== 'station_id') },
      ],
    ])('%s is refused as incompatible with its subject, and changes nothing', async (_change, schema) => {
      const id = await registry.register(subject, V1)
      await expect(registry.register(subject, schema)).rejects.toMatchObject({
        code: 'schema_incompatible',
        retryable: false,
        message: expect.stringContaining(subject),
      })
      expect(await registry.register(subject, V1)).toBe(id)
    })

    test('compatibility is held with every earlier version, not the last alone', async () => {
      const without: AvroSchema = { ...V1, fields: V1.fields.filter((field) => field.name !== 'ebike') }
      await registry.register(subject, V1)
      await registry.register(subject, without)
      const back = { name: 'ebike', type: 'string', default: '' }
      await expect(
        registry.register(subject, { ...without, fields: [...without.fields, back] }),
      ).rejects.toMatchObject({ code: 'schema_incompatible' })
    })

    test('a reader of version 1 reads version 2 and the reverse', async () => {
      const topics = { [topic]: ['StationObservation'] as const }
      const one = createCodec({ registry: open(), topics, schemaOf: () => V1 })
      await one.register()
      const two = createCodec({ registry: open(), topics, schemaOf: () => V2 })
      await two.register()
      const plain = observation({ docks_disabled: 4 })
      const newer = { ...observation(), is_virtual: true, note: 'moved' }
      const [byOne] = await one.decode(topic, [two.encode(topic, 'StationObservation', newer)])
      expect(byOne).toStrictEqual({ name: 'StationObservation', value: observation() })
      const [byTwo] = await two.decode(topic, [one.encode(topic, 'StationObservation', plain)])
      const { docks_disabled, ...kept } = plain
      expect(docks_disabled).toBe(4)
      expect(byTwo).toStrictEqual({
        name: 'StationObservation',
        value: { ...kept, is_virtual: false, note: null },
      })
    })
  })
}

function retyped(name: string, type: string, fallback: unknown): AvroSchema {
  return {
    ...V1,
    fields: V1.fields.map((field) => (field.name === name ? { name, type, default: fallback } : field)),
  }
}
