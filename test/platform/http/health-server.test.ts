import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { type HealthServer, startHealthServer } from '../../../services/platform/http/health-server.ts'
import { createMetrics } from '../../../services/platform/metrics.ts'
import type { HealthCheck } from '../../../services/platform/service.ts'

const open: HealthServer[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function startWith(health: () => HealthCheck[], port = 0): Promise<HealthServer> {
  const server = await startHealthServer({
    host: '127.0.0.1',
    port,
    service: { name: 'sink', health },
    metrics: createMetrics({ version: '1.2.3' }),
    logger: pino({ level: 'silent' }),
  })
  open.push(server)
  return server
}

async function ask(server: HealthServer, path: string): Promise<[number, Record<string, unknown>]> {
  const answer = await fetch(server.url + path)
  return [answer.status, (await answer.json()) as Record<string, unknown>]
}

test('readiness follows the checks, startup latches, and life does not depend on either', async () => {
  let ok = false
  const server = await startWith(() => [{ name: 'consumer', ok, detail: 'lag 3' }])
  expect(await ask(server, '/readyz')).toEqual([
    503,
    {
      status: 'unavailable',
      checks: [
        { service: 'process', name: 'running', ok: true, detail: 'running' },
        { service: 'sink', name: 'consumer', ok: false, detail: 'lag 3' },
      ],
    },
  ])
  expect((await ask(server, '/startupz'))[0]).toBe(503)
  expect((await ask(server, '/livez'))[0]).toBe(200)
  ok = true
  expect((await ask(server, '/startupz'))[0]).toBe(200)
  expect((await ask(server, '/readyz'))[0]).toBe(200)
  ok = false
  expect((await ask(server, '/readyz'))[0]).toBe(503)
  expect((await ask(server, '/startupz'))[0]).toBe(200)
})

test('a draining process is alive and not ready; a failed one is neither', async () => {
  const server = await startWith(() => [])
  server.draining()
  expect((await ask(server, '/readyz'))[0]).toBe(503)
  expect((await ask(server, '/livez'))[0]).toBe(200)
  server.failed(new Error('log credentials were refused'))
  expect(await ask(server, '/livez')).toEqual([
    503,
    {
      status: 'unavailable',
      checks: [{ service: 'process', name: 'running', ok: false, detail: 'log credentials were refused' }],
    },
  ])
})

test('a check that throws is a check that is not ok', async () => {
  const server = await startWith(() => {
    throw new Error('no answer')
  })
  const [status, body] = await ask(server, '/readyz')
  expect(status).toBe(503)
  expect(JSON.stringify(body)).toContain('no answer')
})

test('metrics hold the build, the process and the requests', async () => {
  const server = await startWith(() => [])
  await ask(server, '/livez')
  const answer = await fetch(`${server.url}/metrics`)
  const text = await answer.text()
  expect(answer.headers.get('content-type')).toContain('text/plain')
  expect(text).toContain('velocast_build_info{version="1.2.3"')
  expect(text).toContain('process_cpu_seconds_total')
  expect(text).toContain('velocast_http_requests_total{method="GET",route="/livez",status="200"} 1')
})

test('an address that is taken is refused with its code, and an unknown path with not_found', async () => {
  const server = await startWith(() => [])
  const port = Number(new URL(server.url).port)
  await expect(startWith(() => [], port)).rejects.toMatchObject({
    code: 'port_in_use',
    message: expect.stringContaining(`127.0.0.1:${port}`),
  })
  expect(await ask(server, '/nowhere')).toEqual([
    404,
    {
      error: {
        code: 'not_found',
        message: 'route is not known, /openapi.json lists them all: GET /nowhere',
      },
    },
  ])
})
