import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startVelocast } from '../proof/velocast.ts'
import { type GcsServer, startGcs } from '../stack/gcs.ts'
import { type KafkaServer, startKafka } from '../stack/kafka.ts'
import { freePort } from '../stack/ports.ts'
import { type RegistryServer, startRegistry } from '../stack/registry.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-refused-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** What a command ends with that says one line to people, without a stack or a warning of Node's. */
async function refused(
  args: string[],
  environment: Record<string, string>,
): Promise<{ code: number | null; said: string }> {
  const data = mkdtempSync(join(directory, 'data-'))
  const { code, stdout, stderr } = await startVelocast(args, {
    VELOCAST_DATA: data,
    VELOCAST_LOGGING_LEVEL: 'error',
    ...environment,
  }).ended
  expect(stdout).toBe('')
  expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/^velocast: .*\]$/)])
  return { code, said: stderr }
}

const COMPACT = ['compact', 'daily', '--day', '2026-01-01']

describe('an object store that cannot be used ends a command at once, with what is wrong and what to do', () => {
  let gcs: GcsServer
  let refusing: HttpServer
  let answer = 403
  beforeAll(async () => {
    gcs = await startGcs()
    refusing = createServer((_, reply) => {
      reply.writeHead(answer, { 'content-type': 'application/json' })
      reply.end(
        JSON.stringify({ error: { code: answer, message: 'velocast@project lacks storage.objects.get' } }),
      )
    })
    await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    refusing.close()
    await gcs.stop()
  })

  test.each([
    COMPACT,
    ['compact', 'monthly', '--month', '2026-01'],
    ['export', 'events'],
    ['run', 'sink', '--port', '0'],
    ['run', 'forecast', '--port', '0'],
    ['up', '--source', 'simulate', '--stations', '5', '--no-history', '--port', '0'],
  ])('a bucket that is missing: velocast %s %s', async (...args) => {
    const { code, said } = await refused(args, {
      VELOCAST_STORAGE_ROOT: 'gs://no-such-bucket/production',
      VELOCAST_STORAGE_GCS_ENDPOINT: gcs.endpoint,
    })
    expect(code).toBe(3)
    expect(said).toMatch(/create it or correct storage\.root: no-such-bucket \[store_bucket_missing\]/)
  })

  test.each([401, 403])('an account that is refused with %d', async (status) => {
    answer = status
    const endpoint = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`
    for (const args of [COMPACT, ['run', 'sink', '--port', '0']]) {
      const { code, said } = await refused(args, {
        VELOCAST_STORAGE_ROOT: 'gs://guarded/production',
        VELOCAST_STORAGE_GCS_ENDPOINT: endpoint,
      })
      expect(code).toBe(3)
      expect(said).toMatch(/gs:\/\/guarded\/production refuses these credentials; give the account the role/)
      expect(said).toMatch(/lacks storage\.objects\.get \[store_credentials\]/)
    }
  })

  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const account = { type: 'service_account', project_id: 'p', client_email: 'velocast@p' }
  test.each([
    ['that is not there', null],
    ['that is cut', '{"type": "service_acc'],
    ['of which a field is missing', JSON.stringify({ type: 'service_account', private_key: privateKey })],
    ['whose key is none', JSON.stringify({ ...account, private_key: 'nonsense' })],
  ])("a service account's file %s", async (_, content) => {
    const file = join(directory, 'account.json')
    rmSync(file, { force: true })
    if (content !== null) writeFileSync(file, content)
    const { code, said } = await refused(COMPACT, {
      VELOCAST_STORAGE_ROOT: 'gs://some-bucket/production',
      GOOGLE_APPLICATION_CREDENTIALS: file,
    })
    expect(code).toBe(3)
    expect(said).toMatch(/credentials for store gs:\/\/some-bucket\/production cannot be used/)
    expect(said).toContain(`${file} [store_credentials]`)
    expect(said).not.toContain('PRIVATE KEY')
  })
})

test.each(['gs://ab', 'gs://Capital/x', 'gs://', 's3://bucket/x', `gs://${'a'.repeat(64)}`])(
  'a storage root that is none ends with 2 before anything is asked: %s',
  async (root) => {
    const { code, stderr } = await startVelocast(['config'], { VELOCAST_STORAGE_ROOT: root }).ended
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /storage\.root: must be a directory, or gs:\/\/bucket\/prefix with a bucket of 3 to 63/,
    )
    expect(stderr).toContain(`got "${root}" [config_invalid]`)
  },
)

describe('brokers that cannot be used end a start with what is wrong and what to do', () => {
  let kafka: KafkaServer
  let registry: RegistryServer
  let environment: Record<string, string>
  beforeAll(async () => {
    ;[kafka, registry] = await Promise.all([
      startKafka({ users: { velocast: 'right-password' } }),
      startRegistry(),
    ])
    environment = {
      VELOCAST_LOG_KIND: 'kafka',
      VELOCAST_REGISTRY_URL: registry.url,
      VELOCAST_LOG_BROKERS: kafka.saslBrokers.join(','),
      VELOCAST_LOG_USERNAME: 'velocast',
      VELOCAST_LOG_PASSWORD: 'right-password',
      VELOCAST_LOG_MECHANISM: 'plain',
    }
  })
  afterAll(() => Promise.all([kafka?.stop(), registry?.stop()]))

  test('brokers that do not answer, once they were waited for', async () => {
    const broker = `127.0.0.1:${await freePort()}`
    const { code, said } = await refused(['run', 'ingest', '--port', '0'], {
      VELOCAST_LOG_KIND: 'kafka',
      VELOCAST_LOG_BROKERS: broker,
      VELOCAST_REGISTRY_URL: registry.url,
      VELOCAST_LOG_CONNECT_LIMIT_MS: '2000',
    })
    expect(code).toBe(3)
    expect(said).toMatch(
      /kafka gives no usable answer \(.*ECONNREFUSED.*\), check log\.brokers and that they run/,
    )
    expect(said).toContain(`${broker} [log_unreachable]`)
  })

  test.each([
    ['a wrong password', { VELOCAST_LOG_PASSWORD: 'wrong-password' }, 'user velocast by plain'],
    ['a user that is none', { VELOCAST_LOG_USERNAME: 'stranger' }, 'user stranger by plain'],
    [
      'a mechanism that they do not speak',
      { VELOCAST_LOG_MECHANISM: 'scram-sha-512' },
      'user velocast by scram-sha-512',
    ],
  ])('%s', async (_, wrong, who) => {
    for (const args of [['topics'], ['run', 'windows', '--port', '0']]) {
      const { code, said } = await refused(args, { ...environment, ...wrong })
      expect(code).toBe(3)
      expect(said).toMatch(
        /kafka refuses these credentials, check log\.username, log\.password, log\.mechanism/,
      )
      expect(said).toContain(`${who} at ${kafka.saslBrokers[0]} [log_credentials]`)
      expect(said).not.toContain('password:')
      expect(said).not.toContain('wrong-password')
    }
  })

  test('no user where they ask for one', async () => {
    const { VELOCAST_LOG_USERNAME: _user, VELOCAST_LOG_PASSWORD: _password, ...nobody } = environment
    const { code, said } = await refused(['topics'], nobody)
    expect(code).toBe(3)
    expect(said).toMatch(/whether they ask for TLS \(log\.ssl\) or a user \(log\.username\)/)
  })

  test('the right password is taken', async () => {
    const { code, stderr } = await startVelocast(['topics'], {
      ...environment,
      VELOCAST_DATA: join(directory, 'right'),
    }).ended
    expect([code, stderr]).toEqual([0, ''])
  })
})
