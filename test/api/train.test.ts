import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiService, createApiService } from '../../services/api/service.ts'
import { configSchema } from '../../services/platform/config.ts'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import { leaveRun, takeRun } from '../../services/platform/run-ledger/run-slot.ts'
import { memoryStore } from '../monitor/memory-store.ts'
import { ControllableClock } from './controllable-clock.ts'

const TOKEN = 'a-token-of-some-length'
const objects = memoryStore()
const clock = new ControllableClock(Date.parse('2026-05-01T12:00:00Z'))
const slotOf = (system: string) => ({ objects, clock, system, job: 'train' })
let api: ApiService
let closed: ApiService

async function start(train: object): Promise<ApiService> {
  const systems = ['town', 'village'].map((id) => ({ id, discovery_url: 'http://127.0.0.1/gbfs.json' }))
  const service = createApiService({
    config: configSchema.parse({ systems, http: { port: 0 }, train }),
    clock,
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    lookUps: openMemoryLookUpStore({ clock }),
    objects,
  })
  await service.start()
  return service
}

beforeAll(async () => {
  api = await start({ token: TOKEN })
  closed = await start({})
})
afterAll(() => Promise.all([api.close(), closed.close()]))

async function post(body: unknown, authorization: string | null = `Bearer ${TOKEN}`, to: ApiService = api) {
  const answer = await fetch(`${to.url}/v1/train`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...(authorization === null ? {} : { authorization }) },
  })
  return {
    status: answer.status,
    headers: answer.headers,
    body: (await answer.json()) as Record<string, unknown>,
  }
}

test('a run is asked for once: 202 with its id, then 409 with the same id until it has ended, then another', async () => {
  const first = await post({ system: 'town' })
  expect(first.status).toBe(202)
  const { run_id, location } = first.body as { run_id: string; location: string }
  expect(run_id).toMatch(/^20260501T120000Z-[0-9a-f]{6}$/)
  expect(first.headers.get('location')).toBe(location)
  expect(location).toBe(`/v1/systems/town/runs/train/${run_id}`)

  const second = await post({ system: 'town' })
  expect(second.status).toBe(409)
  expect(second.body).toMatchObject({ error: { code: 'run_in_progress' }, run_id })

  expect(await takeRun(slotOf('town'))).toMatchObject({ run_id, trigger: 'api' })
  expect((await post({ system: 'town' })).body.run_id).toBe(run_id)

  await leaveRun({ ...slotOf('town'), runId: run_id, state: 'ended' })
  const third = await post({ system: 'town' })
  expect(third.status).toBe(202)
  expect(third.body.run_id).not.toBe(run_id)
})

test('of many requests in the same moment one is a run, and all name it', async () => {
  const answers = await Promise.all(Array.from({ length: 6 }, () => post({ system: 'village' })))
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409, 409])
  expect(new Set(answers.map(({ body }) => body.run_id)).size).toBe(1)
})

test.each([
  ['no token', null, 401, 'unauthenticated'],
  ['another scheme', `Basic ${TOKEN}`, 401, 'unauthenticated'],
  ['another token', 'Bearer a-token-of-other-kind', 403, 'forbidden'],
])('%s is refused and asks for nothing', async (_, authorization, status, code) => {
  const before = await objects.list('')
  const answer = await post({ system: 'town' }, authorization)
  expect([answer.status, (answer.body.error as { code: string }).code]).toEqual([status, code])
  expect(JSON.stringify(answer.body)).not.toContain(TOKEN)
  expect(await objects.list('')).toEqual(before)
})

test('without a configured token everybody is refused', async () => {
  const answer = await post({ system: 'town' }, 'Bearer undefined', closed)
  expect([answer.status, (answer.body.error as { message: string }).message]).toEqual([
    403,
    'training over HTTP is off, set train.token (VELOCAST_TRAIN_TOKEN) to allow it',
  ])
})

test.each([
  [{ system: 'nowhere' }, 404, 'not_found'],
  [{}, 400, 'request_invalid'],
  [{ city: 'town' }, 400, 'request_invalid'],
  [{ system: '../town' }, 400, 'request_invalid'],
])('%j is refused with %i', async (body, status, code) => {
  const answer = await post(body)
  expect([answer.status, (answer.body.error as { code: string }).code]).toEqual([status, code])
})

test('the record of a run is given as it was written, to who has the token', async () => {
  const id = '20260401T000000Z-schedule'
  const path = `${api.url}/v1/systems/town/runs/train/${id}`
  const authorization = `Bearer ${TOKEN}`
  expect((await fetch(path)).status).toBe(401)
  expect((await fetch(path, { headers: { authorization } })).status).toBe(404)
  await objects.put(`town/runs/train/${id}.json`, Buffer.from('{"status":"succeeded"}'))
  const answer = await fetch(path, { headers: { authorization } })
  expect([answer.status, await answer.json()]).toEqual([200, { status: 'succeeded' }])
})
