import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createCodec } from '../../../services/platform/event-log/avro-codec.ts'
import { readAvroSchema } from '../../../services/platform/event-log/avro-schemas.ts'
import { openLocalRegistry } from '../../../services/platform/schema-registry/local.ts'
import { describeSchemaRegistry } from './schema-registry.conformance.ts'

const root = mkdtempSync(join(tmpdir(), 'velocast-schemas-'))
let count = 0
const directory = (): string => join(root, String(++count))
afterAll(() => rmSync(root, { recursive: true, force: true }))

describeSchemaRegistry('local', async () => {
  const own = directory()
  return { open: () => openLocalRegistry({ directory: own }) }
})

describe('the local registry', () => {
  test('gives the same ids in every fresh directory', async () => {
    const files = await Promise.all(
      [directory(), directory()].map(async (own) => {
        await createCodec({ registry: openLocalRegistry({ directory: own }) }).register()
        return readFileSync(join(own, 'schemas.json'), 'utf8')
      }),
    )
    expect(files[0]).toBe(files[1])
  })

  test('stops an embedded start whose schema no longer fits what is in the log', async () => {
    const own = directory()
    await createCodec({ registry: openLocalRegistry({ directory: own }) }).register()
    const changed = createCodec({
      registry: openLocalRegistry({ directory: own }),
      schemaOf: (name) => {
        const schema = readAvroSchema(name)
        return name === 'PollRecord' ? { ...schema, fields: schema.fields.slice(2) } : schema
      },
    })
    await expect(changed.register()).rejects.toMatchObject({
      code: 'schema_incompatible',
      message: expect.stringMatching(/bikeshare\.station-status\.v1-velocast\.PollRecord.*version 1/),
    })
  })

  test('names a file that it cannot read', async () => {
    const own = directory()
    await openLocalRegistry({ directory: own }).register('a', readAvroSchema('PollRecord'))
    writeFileSync(join(own, 'schemas.json'), '[{"id": 1, "subj')
    expect(() => openLocalRegistry({ directory: own })).toThrowError(
      expect.objectContaining({ code: 'registry_unreachable', message: expect.stringContaining(own) }),
    )
  })
})
