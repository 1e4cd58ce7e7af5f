import { request } from 'node:http'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { artefactMaxAge, monitoringPath } from '../../services/api/artefact-path.ts'
import { startApi } from './api.ts'
import { CITY } from './built-city.ts'

test('a path that is taken stays below monitoring', () => {
  const segment = fc.oneof(fc.constantFrom('..', '.', '', 'a', '%2e%2e', 'x.json', '\\', '..\\'), fc.string())
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
      const rest = segments.join('/')
      let path: string
      try {
        path = monitoringPath({ system: 'c', rest })
      } catch (error) {
        expect(error).toMatchObject({ code: 'request_invalid' })
        return
      }
      expect(new URL(path, 'file:///store/').pathname.startsWith('/store/c/monitoring/')).toBe(true)
      expect(path.endsWith('.json')).toBe(true)
      expect(path).not.toMatch(/\.\.|\\|\/\/|%/)
    }),
  )
})

/** Sends a path as it is: fetch would resolve its dots. */
function askRaw(url: string, path: string): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      )
    })
      .on('error', reject)
      .end()
  })
}

test('no request reaches an object outside serving and monitoring', async () => {
  const { api } = await startApi({
    objects: { [`${CITY}/bronze/secret.json`]: 'SECRET', 'models/latest.json': 'SECRET' },
  })
  const base = `/v1/systems/${CITY}`
  for (const path of [
    `${base}/monitoring/../bronze/secret.json`,
    `${base}/monitoring/%2e%2e/bronze/secret.json`,
    `${base}/monitoring/..%2fbronze%2fsecret.json`,
    `${base}/monitoring/x/../../bronze/secret.json`,
    `${base}/monitoring/..%5cbronze%5csecret.json`,
    `${base}/serving/forecast/h15/../../../bronze/secret.json`,
    `${base}/serving/forecast/h..%2f..%2fbronze/latest.json`,
    `/v1/systems/..%2fmodels/monitoring/latest.json`,
    `/v1/systems/../models/latest.json`,
    `/page/../../../package.json`,
    `/page/..%2f..%2f..%2fpackage.json`,
  ]) {
    const { status, text } = await askRaw(api.url, path)
    expect([400, 404], path).toContain(status)
    expect(text, path).not.toContain('SECRET')
    expect(JSON.parse(text), path).toHaveProperty('error.code')
  }
  await api.close()
})

test.each([
  ['c/monitoring/data/freshness/latest/freshness.json', 30],
  ['c/monitoring/data/health/latest/kpis.json', 60],
  ['c/monitoring/data/health/latest/anomalies_missing.json', 120],
  ['c/monitoring/data/health/latest/coverage_by_hour.json', 300],
])('%s may be kept for %i s', (path, seconds) => {
  expect(artefactMaxAge(path)).toBe(seconds)
})
