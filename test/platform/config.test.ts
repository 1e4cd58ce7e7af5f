import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig, redact } from '../../services/platform/config-file.ts'
import { configKeys, configTable } from '../../services/platform/config-reference.ts'
import { VelocastError } from '../../services/platform/errors.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-config-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function file(text: string): string {
  const path = join(directory, 'velocast.yaml')
  writeFileSync(path, text)
  return path
}

function problemsOf(load: () => unknown): string {
  try {
    load()
  } catch (error) {
    if (error instanceof VelocastError) return error.message
    throw error
  }
  throw new Error('expected the configuration to be refused')
}

test('without a file the defaults follow Vélib’ every 60 s with horizons of 15 and 60 minutes', () => {
  const config = loadConfig({ env: {} })
  expect(config.systems.map(({ id, poll_seconds }) => [id, poll_seconds])).toEqual([['velib', 60]])
  expect(config.horizons).toEqual([15, 60])
  expect(config.log.kind).toBe('embedded')
})

test('environment wins over the file and overrides win over both', () => {
  const path = file('http: { port: 1000, host: 0.0.0.0 }\nhorizons: [30]\n')
  const env = { VELOCAST_HTTP_PORT: '2000', VELOCAST_HORIZONS: '15, 45' }
  expect(loadConfig({ file: path, env: {} }).http).toEqual({ host: '0.0.0.0', port: 1000 })
  expect(loadConfig({ file: path, env }).http.port).toBe(2000)
  expect(loadConfig({ file: path, env }).horizons).toEqual([15, 45])
  expect(loadConfig({ file: path, env, overrides: { http: { port: 3000 } } }).http).toEqual({
    host: '0.0.0.0',
    port: 3000,
  })
})

test('every problem is told at once with its path, and unknown keys and variables fail', () => {
  const path = file(
    'systems:\n  - { id: "Bad Id", discovery_url: "https://example.org/gbfs.json", colour: red }\nhorizon: 15\n',
  )
  const message = problemsOf(() =>
    loadConfig({ file: path, env: { VELOCAST_HTTP_PROT: '1', VELOCAST_HTTP_PORT: 'many' } }),
  )
  expect(message).toContain('VELOCAST_HTTP_PROT: unknown environment variable')
  expect(message).toContain('systems.0.id: must be lower-case')
  expect(message).toContain('"Bad Id"')
  expect(message).toContain('systems.0.colour: unknown key')
  expect(message).toContain('horizon: unknown key')
  expect(message).toContain('http.port')
  expect(message).toContain('"many"')
})

test.each([
  ['VELOCAST_LOG_BROKERS', 'kafka', 'log.brokers.0: must be host:port'],
  ['VELOCAST_REGISTRY_URL', 'localhost:8081', 'registry.url: must be an address like http://host:port'],
  ['VELOCAST_REDIS_URL', 'somewhere', 'redis.url: must be redis://host:port'],
  ['VELOCAST_SINK_SCHEDULE', '61 * * * *', 'sink.schedule: must be a cron expression'],
  ['VELOCAST_TRAIN_SCHEDULE', 'sometimes', 'train.schedule: must be a cron expression'],
])('a value that would only fail later is refused at once: %s=%s', (name, value, said) => {
  expect(problemsOf(() => loadConfig({ env: { [name]: value } }))).toContain(said)
})

test('a time zone that the runtime does not know is refused', () => {
  const path = file(
    'systems:\n  - { id: a, discovery_url: "https://example.org/a", timezone: "Mars/Base" }\n',
  )
  const message = problemsOf(() => loadConfig({ file: path, env: {} }))
  expect(message).toContain(
    'systems.0.timezone: must be an IANA time zone such as Europe/Paris, got "Mars/Base"',
  )
})

test('brokers by name, address and IPv6 address, and a schedule that is off, are taken', () => {
  const config = loadConfig({
    env: {
      VELOCAST_LOG_BROKERS: 'kafka-0.kafka:9092, 10.0.0.1:9093, [::1]:9094',
      VELOCAST_TRAIN_SCHEDULE: 'off',
    },
  })
  expect(config.log.brokers).toHaveLength(3)
  expect(config.train.schedule).toBe('off')
})

test('systems with one id twice are refused', () => {
  const path = file(
    'systems:\n  - { id: a, discovery_url: "https://example.org/a" }\n  - { id: a, discovery_url: "https://example.org/b" }\n',
  )
  expect(problemsOf(() => loadConfig({ file: path, env: {} }))).toContain('got twice: a')
})

test('Kafka without brokers or a registry is refused before anything starts', () => {
  const message = problemsOf(() => loadConfig({ env: { VELOCAST_LOG_KIND: 'kafka' } }))
  expect(message).toContain('log.brokers')
  expect(message).toContain('registry.url')
})

test('a file that is missing, broken or not a map is config_unreadable and named', () => {
  expect(problemsOf(() => loadConfig({ file: join(directory, 'nowhere.yaml'), env: {} }))).toContain(
    'nowhere.yaml',
  )
  expect(() => loadConfig({ file: file('a: [1'), env: {} })).toThrow(
    expect.objectContaining({ code: 'config_unreadable' }),
  )
  expect(() => loadConfig({ file: file('- 1'), env: {} })).toThrow(
    expect.objectContaining({ code: 'config_unreadable' }),
  )
})

test('secrets come from files too and are never printed', () => {
  const secret = join(directory, 'password')
  writeFileSync(secret, 'hush\n')
  const config = loadConfig({
    env: { VELOCAST_LOG_PASSWORD_FILE: secret, VELOCAST_REDIS_URL: 'redis://:hush@localhost' },
  })
  expect(config.log.password).toBe('hush')
  expect(JSON.stringify(redact(config))).not.toContain('hush')
  expect(redact(config).log.password).toBe('***')
  for (const [name, value] of [
    ['VELOCAST_TRAIN_TOKEN', 'hush'],
    ['VELOCAST_REDIS_URL', 'http://:hush@localhost'],
  ] as const) {
    const message = problemsOf(() => loadConfig({ env: { [name]: value } }))
    expect(message).toMatch(/train\.token|redis\.url/)
    expect(message).not.toContain('hush')
  }
})

test('booleans of the environment are true/false, and KEEP_DAILIES keeps its meaning', () => {
  expect(loadConfig({ env: { KEEP_DAILIES: '0' } }).sink.keep_dailies).toBe(false)
  expect(loadConfig({ env: { VELOCAST_SINK_PURGE_BRONZE: 'no' } }).sink.purge_bronze).toBe(false)
  expect(problemsOf(() => loadConfig({ env: { VELOCAST_LOG_SSL: 'perhaps' } }))).toContain('log.ssl')
})

test('docs/configuration.md holds the current table of settings, and every setting has a meaning', () => {
  expect(readFileSync('docs/configuration.md', 'utf8')).toContain(configTable())
  expect(configKeys().filter(({ description }) => description === '')).toEqual([])
})
