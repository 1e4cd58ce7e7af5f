import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readAvroSchema } from '../../../services/platform/event-log/avro-schemas.ts'
import { NAMESPACE, subjectOf, TOPIC_RECORDS } from '../../../services/platform/event-log/topic-records.ts'
import { TOPICS, topicSpecs } from '../../../services/platform/topics.ts'

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const asyncapi = parse(read('schemas/asyncapi.yaml'))
const page = read('docs/topics.md')
const channels = new Map<string, Record<string, never>>(
  Object.values(asyncapi.channels as Record<string, { address: string }>).map((channel) => [
    channel.address,
    channel as never,
  ]),
)

describe.each(topicSpecs({ partitions: 12 }))('the documents of $name', (spec) => {
  test('give its records, retention, cleanup and largest batch as it is created', () => {
    const channel = channels.get(spec.name) as unknown as {
      messages: object
      bindings: { kafka: { topicConfiguration: object } }
    }
    expect(Object.keys(channel.messages)).toEqual(TOPIC_RECORDS[spec.name] ?? ['DeadLetter'])
    expect(channel.bindings.kafka.topicConfiguration).toEqual({
      'cleanup.policy': [spec.compacted ? 'compact' : 'delete'],
      'retention.ms': spec.retentionMs ?? -1,
      'max.message.bytes': spec.maxBytes,
    })
    const row = page.split('\n').find((line) => line.startsWith(`| \`${spec.name}\``))!
    const hours = (spec.retentionMs ?? 0) / 3_600_000
    const kept = spec.compacted ? 'newest of each key' : hours > 100 ? `${hours / 24} days` : `${hours} h`
    expect(row).toContain(`| ${kept} | ${spec.maxBytes / 1_048_576} MiB |`)
    for (const name of TOPIC_RECORDS[spec.name] ?? []) {
      expect(row).toContain(`\`${name}\``)
      expect(page).toContain(`\n${subjectOf(spec.name, name)}\n`)
    }
  })
})

describe('the schemas', () => {
  const names = Object.values(TOPIC_RECORDS).flat()

  test('are one for each topic that has records of its own', () => {
    expect(Object.keys(TOPIC_RECORDS).sort()).toEqual(
      Object.values(TOPICS)
        .filter((topic) => topic !== TOPICS.deadLetters)
        .sort(),
    )
    expect(channels.size).toBe(Object.keys(TOPICS).length)
  })

  test.each(names)(
    '%s can change under FULL_TRANSITIVE: every field but those of its key has a default, no enums',
    (name) => {
      const schema = readAvroSchema(name)
      expect(`${schema.namespace}.${schema.name}`).toBe(`${NAMESPACE}.${name}`)
      const keyFields = ['system', 'station_id', 'poll_id', 'point', 'artefact']
      for (const field of schema.fields) {
        if (!keyFields.includes(field.name)) expect(field, field.name).toHaveProperty('default')
        if (Array.isArray(field.type)) {
          expect([field.type[0], field.default]).toEqual(['null', null])
        }
      }
      expect(JSON.stringify(schema)).not.toContain('"enum"')
    },
  )
})
