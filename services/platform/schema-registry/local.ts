import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { makeDirectory } from '../directory.ts'
import { VelocastError } from '../errors.ts'
import { findIncompatibility } from './compatibility.ts'
import type { AvroSchema, SchemaRegistryPort } from './port.ts'
import { schemaIncompatible } from './schema-incompatible.ts'

const avroSchema: z.ZodType<AvroSchema> = z.looseObject({
  type: z.string(),
  name: z.string(),
  fields: z.array(z.looseObject({ name: z.string(), type: z.unknown() })),
})
const contents = z.array(z.object({ id: z.int().min(1), subject: z.string(), schema: avroSchema }))
type Entry = z.infer<typeof contents>[number]

/**
 * The registry of a single process: every schema that was ever registered, in `<directory>/schemas.json`.
 * Ids count from 1 in the order of registration and never change, so records in the log stay readable; a schema that
 * is incompatible with an earlier one stops an embedded start as it would with a registry server. The file is read at
 * every call: calls are few, at the start and for ids not met before.
 */
export function openLocalRegistry({ directory }: { directory: string }): SchemaRegistryPort {
  const file = join(directory, 'schemas.json')
  readEntries(file)
  return {
    async register(subject, schema) {
      const entries = readEntries(file)
      const versions = entries.filter((entry) => entry.subject === subject)
      const known = versions.find((entry) => isDeepStrictEqual(entry.schema, schema))
      if (known !== undefined) return known.id
      const reason = findIncompatibility({ schema, earlier: versions.map((entry) => entry.schema) })
      if (reason !== null) throw schemaIncompatible(subject, reason)
      const entry = { id: entries.length + 1, subject, schema }
      writeEntries(file, directory, [...entries, entry])
      return entry.id
    },
    async schema(id) {
      return readEntries(file).find((entry) => entry.id === id)?.schema ?? null
    },
  }
}

function readEntries(file: string): Entry[] {
  if (!existsSync(file)) return []
  try {
    return contents.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    throw new VelocastError({
      code: 'registry_unreachable',
      message: `local schema registry cannot be read, restore it from a backup: ${file}`,
      cause: error,
    })
  }
}

function writeEntries(file: string, directory: string, entries: Entry[]): void {
  try {
    makeDirectory(directory)
    const temporary = `${file}.${process.pid}.tmp`
    writeFileSync(temporary, `${JSON.stringify(entries, null, 2)}\n`, { flush: true })
    renameSync(temporary, file)
  } catch (error) {
    throw new VelocastError({
      code: 'registry_unreachable',
      retryable: true,
      message: `local schema registry cannot be written, check its disk and permissions: ${file}`,
      cause: error,
    })
  }
}
