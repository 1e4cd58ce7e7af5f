import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const documentation = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8')
const { paths } = parse(readFileSync(new URL('../../schemas/openapi.yaml', import.meta.url), 'utf8')) as {
  paths: Record<string, unknown>
}

test('docs/api.md names every route, and no other', () => {
  const named = [...documentation.matchAll(/`(?:GET|POST) (\/[^`]+)`/g)].map(([, path]) => path ?? '')
  expect(Object.keys(paths).filter((path) => !named.includes(path))).toEqual([])
  const known = Object.keys(paths)
  const others = named.map((path) => path.replace(/\?.*$/, '')).filter((path) => !known.includes(path))
  expect(others).toEqual([])
})
