import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { openApiYaml } from '../../services/api/open-api.ts'

const file = new URL('../../schemas/openapi.yaml', import.meta.url)

test('schemas/openapi.yaml is what the routes say (else run services/api/generate-open-api.ts)', async () => {
  expect(readFileSync(file, 'utf8')).toBe(await openApiYaml())
})

test('every operation has a summary, and a described answer with a schema for each status', () => {
  const { paths } = parse(readFileSync(file, 'utf8')) as {
    paths: Record<
      string,
      Record<string, { summary?: string; responses: Record<string, Record<string, unknown>> }>
    >
  }
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  )
  expect(operations.length).toBeGreaterThanOrEqual(13)
  for (const { name, operation } of operations) {
    expect(operation.summary, name).toBeTruthy()
    for (const [status, response] of Object.entries(operation.responses)) {
      expect(response.description, `${name} ${status}`).not.toBe('Default Response')
      expect(response.content, `${name} ${status}`).toBeTruthy()
    }
  }
})
