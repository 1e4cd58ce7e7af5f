import { readFileSync } from 'node:fs'
import type { AvroSchema } from '../schema-registry/port.ts'
import type { RecordName } from './codec.ts'

const DIRECTORY = new URL('../../../schemas/avro/', import.meta.url)

/** The schemas of schemas/avro by record name; a file is named as its record, in kebab case. */
export function readAvroSchema(name: RecordName): AvroSchema {
  const file = `${name.replace(/(?<=[a-z])[A-Z]/g, '-$&').toLowerCase()}.avsc`
  return JSON.parse(readFileSync(new URL(file, DIRECTORY), 'utf8')) as AvroSchema
}
