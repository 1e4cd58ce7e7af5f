import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ARTEFACT_NAMES, artefactJsonSchema, schemaFile } from '../../services/monitor/artefact-schemas.ts'

const directory = fileURLToPath(new URL('../../schemas/json/', import.meta.url))

test.each(ARTEFACT_NAMES)('the JSON Schema of %s is the one that the service checks by', (name) => {
  const stored = JSON.parse(readFileSync(`${directory}${schemaFile(name)}`, 'utf8'))
  expect(stored).toEqual(JSON.parse(JSON.stringify(artefactJsonSchema(name))))
})

test('schemas/json has no monitoring schema of another artefact', () => {
  const files = readdirSync(directory).filter((file) => file.startsWith('monitoring-'))
  expect(files).toEqual(ARTEFACT_NAMES.map(schemaFile).sort())
})
