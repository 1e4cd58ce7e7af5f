import { accessSync, constants } from 'node:fs'
import type { Logger } from 'pino'
import { probeFeed, probeWeather } from '../ingest/probe.ts'
import { systemClock } from '../platform/clock.ts'
import type { Config, SystemConfig } from '../platform/config.ts'
import { makeDirectory } from '../platform/directory.ts'
import { VelocastError } from '../platform/errors.ts'
import type { Platform } from '../platform/service.ts'
import { GROUPS, TOPICS } from '../platform/topics.ts'
import { openPlatform } from './composition.ts'

/** One thing that Velocast needs, whether it is in order, and what to do when it is not. */
export interface Finding {
  name: string
  ok: boolean
  detail: string
  remedy: string | null
}

const FEED_TIMEOUT_MS = 10_000
/** A service waits for its brokers for a minute; who asks what is wrong is told sooner. */
const LOG_TIMEOUT_MS = 10_000

/** Looks at everything the configuration names, side by side; leaves nothing behind. Never throws. */
export async function examine({ config, logger }: { config: Config; logger: Logger }): Promise<Finding[]> {
  const feeds = config.systems.flatMap((system) => [
    feed(system, config),
    ...(system.weather === null
      ? []
      : [
          check(`weather ${system.id}`, 'forecasts go on without weather; check ingest.weather_url', () =>
            probeWeather({ system, config, timeoutMs: FEED_TIMEOUT_MS }),
          ),
        ]),
  ])
  const findings = [
    nodeVersion(),
    await check('data directory', 'make it writable, or set --data', async () => {
      makeDirectory(config.data)
      accessSync(config.data, constants.W_OK)
      return config.data
    }),
    ...(await servers({ config, logger })),
  ]
  return [...findings, ...(await Promise.all(feeds))]
}

async function feed(system: SystemConfig, config: Config): Promise<Finding> {
  const { ok, problem, detail, remedy, code } = await probeFeed({
    system,
    config,
    timeoutMs: FEED_TIMEOUT_MS,
  })
  return { name: `feed ${system.id}`, ok, detail: ok ? detail : `${problem} [${code}]`, remedy }
}

function nodeVersion(): Finding {
  const major = Number(process.versions.node.split('.')[0])
  return {
    name: 'node',
    ok: major >= 24,
    detail: process.versions.node,
    remedy: major >= 24 ? null : 'run it with npx or npm, which bring Node 24',
  }
}

async function servers({ config, logger }: { config: Config; logger: Logger }): Promise<Finding[]> {
  let open: Awaited<ReturnType<typeof openPlatform>>
  try {
    open = await openPlatform({ config, logger })
  } catch (error) {
    return [failure('platform', 'see the message', error)]
  }
  const { platform, close } = open
  const kafka = config.log.kind === 'kafka'
  const findings = await Promise.all([
    check(
      kafka ? `kafka ${config.log.brokers.join(',')}` : 'embedded log',
      'check the brokers, or `velocast topics` when topics are missing',
      () => within(LOG_TIMEOUT_MS, readLog(platform), config.log.brokers.join(',')),
    ),
    ...(config.registry.url === undefined
      ? []
      : [check('schema registry', 'check registry.url', () => registry(config))]),
    ...(config.redis.url === undefined
      ? []
      : [check('redis', 'check redis.url', () => readWindow(platform))]),
    check(
      `object store ${config.storage.root ?? config.data}`,
      'check storage.root, the bucket and the rights on it',
      () => writeObject(platform),
    ),
  ])
  await close()
  return findings
}

async function readLog({ log, config }: Platform): Promise<string> {
  if (config.log.kind === 'embedded') return 'can be opened'
  const lags = await log.lag(GROUPS.sink, [TOPICS.status])
  const behind = lags.reduce((sum, { committed, end }) => sum + end - (committed ?? 0), 0)
  return `${lags.length} partitions of ${TOPICS.status}, sink ${behind} records behind`
}

async function within(limitMs: number, work: Promise<string>, brokers: string): Promise<string> {
  const patience = new AbortController()
  const late = async (): Promise<never> => {
    await systemClock.sleep(limitMs, patience.signal)
    throw new VelocastError({
      code: 'log_unreachable',
      message: `kafka does not answer within ${limitMs / 1000} s, check log.brokers and that they run: ${brokers}`,
    })
  }
  const tooLate = late()
  tooLate.catch(() => undefined)
  work.catch(() => undefined)
  return Promise.race([work, tooLate]).finally(() => patience.abort())
}

async function registry({ registry: { url, username, password } }: Config): Promise<string> {
  const authorization = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`
  const answer = await fetch(`${url}/subjects`, {
    headers: username === undefined ? {} : { authorization },
    signal: AbortSignal.timeout(FEED_TIMEOUT_MS),
  }).catch((cause: Error) => {
    const reason = cause.cause instanceof Error ? cause.cause.message : cause.message
    throw new VelocastError({
      code: 'registry_unreachable',
      message: `schema registry does not answer (${reason}): ${url}`,
      cause,
    })
  })
  if (!answer.ok)
    throw new VelocastError({
      code: 'registry_unreachable',
      message: `schema registry answered ${answer.status}: ${url}/subjects`,
    })
  return `${((await answer.json()) as unknown[]).length} subjects`
}

async function readWindow({ windows }: Platform): Promise<string> {
  await windows.read('doctor', ['doctor'])
  return 'answers'
}

async function writeObject({ objects }: Platform): Promise<string> {
  const path = `doctor/${process.pid}.txt`
  const { generation } = await objects.put(path, Buffer.from('written by velocast doctor\n'))
  const read = await objects.get(path)
  await objects.delete(path, generation)
  if (read === null)
    throw new VelocastError({
      code: 'store_object_missing',
      message: `object is gone after its write: ${path}`,
    })
  return 'can write, read and delete'
}

async function check(name: string, remedy: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { name, ok: true, detail: await look(), remedy: null }
  } catch (error) {
    return failure(name, remedy, error)
  }
}

function failure(name: string, remedy: string, error: unknown): Finding {
  const code = error instanceof VelocastError ? ` [${error.code}]` : ''
  return {
    name,
    ok: false,
    detail: `${error instanceof Error ? error.message : String(error)}${code}`,
    remedy,
  }
}
