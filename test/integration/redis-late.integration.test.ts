import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPlatform, prepareTopics } from '../../services/cli/composition.ts'
import { loadConfig } from '../../services/platform/config-file.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { observation, pollRecord } from '../platform/event-log/arbitrary-records.ts'
import { startVelocast, type VelocastRun } from '../proof/velocast.ts'
import { freePort } from '../stack/ports.ts'
import { type RedisServer, startRedis } from '../stack/redis.ts'

const SERVICES = ['windows', 'forecast', 'api'] as const
type Name = (typeof SERVICES)[number]

interface Member extends VelocastRun {
  url: string
  said: () => string
}

let directory: string
let redis: RedisServer | undefined
let redisPort: number
const members = new Map<Name, Member>()

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (const limit = Date.now() + 40_000; Date.now() < limit; await sleep(100)) {
    if (await Promise.resolve(holds()).catch(() => false)) return
  }
  throw new Error(`not within 40 s: ${what}`)
}

/** One poll of one station is in each service's log before it starts. */
async function publishPoll(data: string): Promise<void> {
  const config = loadConfig({ env: { VELOCAST_DATA: data } })
  const { platform, close } = await openPlatform({ config, logger: pino({ level: 'silent' }) })
  await prepareTopics(platform)
  const { codec, log } = platform
  await log.publish(TOPICS.status, [
    {
      partitionKey: 'velib',
      key: 'velib/16107',
      value: codec.encode(TOPICS.status, 'StationObservation', observation()),
    },
    { partitionKey: 'velib', key: 'velib', value: codec.encode(TOPICS.status, 'PollRecord', pollRecord()) },
  ])
  await close()
}

const status = async (name: Name): Promise<number> =>
  (await fetch(`${members.get(name)!.url}/readyz`, { signal: AbortSignal.timeout(10_000) })).status

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-redis-late-'))
  redisPort = await freePort()
  for (const name of SERVICES) {
    const data = join(directory, name)
    await publishPoll(data)
    const port = await freePort()
    const run = startVelocast(['run', name, '--port', String(port)], {
      VELOCAST_DATA: data,
      VELOCAST_REDIS_URL: `redis://user:secret-word@127.0.0.1:${redisPort}`,
      VELOCAST_LOGGING_LEVEL: 'info',
    })
    let said = ''
    run.child.stderr!.on('data', (chunk) => {
      said += chunk
    })
    members.set(name, { ...run, url: `http://127.0.0.1:${port}`, said: () => said })
  }
})

afterAll(async () => {
  for (const { child } of members.values()) child.kill('SIGKILL')
  await redis?.stop()
  rmSync(directory, { recursive: true, force: true })
})

describe('a service whose Redis is not up when it starts', () => {
  test.each(SERVICES)('%s says so, with address and remedy, and is not ready', async (name) => {
    const { said, child } = members.get(name)!
    await until('it is said', () => /"level":"error".*cannot use redis/.test(said()))
    const line = said()
      .split('\n')
      .find((one) => one.includes('"level":"error"'))!
    const { msg, code } = JSON.parse(line) as { msg: string; code: string }
    expect(msg).toMatch(new RegExp(`check redis.url, got 127.0.0.1:${redisPort}; tried again`))
    expect(code).toMatch(/^(window_store|look_up_store)_unreachable$/)
    expect(said()).not.toContain('secret-word')
    await until('it answers', async () => (await status(name)) === 503)
    expect(child.exitCode).toBeNull()
  })

  test('works once Redis is up, without anyone’s help', async () => {
    redis = await startRedis({ port: redisPort })
    const client = new Redis(redis.url)
    await client.call('ACL', 'SETUSER', 'user', 'on', '>secret-word', '~*', '+@all')
    for (const name of SERVICES) {
      await until(`${name} is ready`, async () => (await status(name)) === 200)
    }
    await until(
      'the window of the station is there',
      async () => (await client.exists('velocast:{velib}:window:16107')) === 1,
    )
    client.disconnect()
    const answer = await fetch(`${members.get('api')!.url}/v1/systems`)
    expect(answer.status).toBe(200)
    for (const { child, ended, said } of members.values()) {
      expect(said()).toContain('redis can be used again')
      child.kill('SIGTERM')
      expect((await ended).code).toBe(0)
    }
  })
})
