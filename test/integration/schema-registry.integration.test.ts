import { describe, expect, inject, test } from 'vitest'
import { readAvroSchema } from '../../services/platform/event-log/avro-schemas.ts'
import { openConfluentRegistry } from '../../services/platform/schema-registry/confluent.ts'
import { describeSchemaRegistry } from '../platform/schema-registry/schema-registry.conformance.ts'

const url = inject('registryUrl') ?? ''

describe.skipIf(url === '')('with a schema registry (skipped where none could be started)', () => {
  describeSchemaRegistry('confluent', async () => ({
    open: () => openConfluentRegistry({ url }),
  }))

  describe('the confluent registry', () => {
    test('holds each subject to FULL_TRANSITIVE by its own setting, whatever the default of the server', async () => {
      const subject = `test.level.${process.pid}.${Math.random().toString(36).slice(2, 10)}`
      await openConfluentRegistry({ url }).register(subject, readAvroSchema('PollRecord'))
      const answer = await fetch(`${url}/config/${subject}`)
      expect(await answer.json()).toMatchObject({ compatibilityLevel: 'FULL_TRANSITIVE' })
    })

    test('that is held to another level is not written to', async () => {
      const subject = `test.level.${process.pid}.${Math.random().toString(36).slice(2, 10)}`
      const registry = openConfluentRegistry({ url })
      await registry.register(subject, readAvroSchema('PollRecord'))
      await fetch(`${url}/config/${subject}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ compatibility: 'NONE' }),
      })
      await expect(registry.register(subject, readAvroSchema('PollRecord'))).rejects.toMatchObject({
        code: 'schema_incompatible',
        message: expect.stringMatching(/must hold .* to FULL_TRANSITIVE.*NONE/),
      })
    })
  })
})

describe('a confluent registry', () => {
  test('that does not answer is unreachable, by its address', async () => {
    const registry = openConfluentRegistry({ url: 'http://127.0.0.1:9', retries: 1 })
    await expect(registry.schema(1)).rejects.toMatchObject({
      code: 'registry_unreachable',
      retryable: true,
      message: expect.stringContaining('http://127.0.0.1:9'),
    })
  })
})
