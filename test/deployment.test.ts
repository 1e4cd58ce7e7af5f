import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { SERVICE_NAMES } from '../services/cli/service-names.ts'
import { loadConfig } from '../services/platform/config-file.ts'
import { REGISTRY_VERSION } from './stack/registry.ts'

interface Compose {
  services: Record<
    string,
    {
      command?: string[]
      environment?: Record<string, string>
      image?: string
      build?: string
      volumes?: string[]
      stop_grace_period?: string
    }
  >
}

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as Compose

test('docker compose runs every service, each by a command that there is', () => {
  const commands = Object.values(compose.services).flatMap(({ command, build }) =>
    build === undefined ? [] : [command?.join(' ')],
  )
  expect(commands.sort()).toEqual([...SERVICE_NAMES.map((name) => `run ${name}`), 'topics'].sort())
})

test('the environment of docker compose is a configuration that is accepted', () => {
  const { environment = {} } = compose.services.ingest ?? {}
  const config = loadConfig({ env: environment })
  expect(config.log).toMatchObject({ kind: 'kafka', brokers: ['kafka:19092'] })
  expect(config.storage).toMatchObject({ root: 'gs://velocast', gcs_endpoint: 'http://gcs:4443' })
})

test.each(['k8s/base/velocast.yaml', 'k8s/overlays/local/velocast.yaml'])(
  '%s is a configuration that is accepted',
  (file) => {
    const config = loadConfig({ file, env: { VELOCAST_REDIS_URL: 'redis://redis:6379' } })
    expect(config.systems.map(({ id }) => id)).toEqual(['velib'])
    expect(config.log.kind).toBe('kafka')
  },
)

test('Kubernetes has a deployment for every service', () => {
  const deployments = readdirSync('k8s/base').flatMap((file) =>
    [...readFileSync(`k8s/base/${file}`, 'utf8').matchAll(/args: \["run", "(\w+)"\]/g)].map(
      ([, name]) => name,
    ),
  )
  expect(deployments.sort()).toEqual([...SERVICE_NAMES].sort())
})

test('what a stop takes is waited for: containers and pods are given more than the 25 s of a drain', () => {
  for (const { build, stop_grace_period } of Object.values(compose.services)) {
    if (build !== undefined) expect(Number.parseInt(stop_grace_period ?? '10s', 10)).toBeGreaterThan(30)
  }
  const pods = readdirSync('k8s/base').flatMap((file) => {
    const text = readFileSync(`k8s/base/${file}`, 'utf8')
    return text.includes('kind: Deployment') ? [/terminationGracePeriodSeconds: (\d+)/.exec(text)?.[1]] : []
  })
  expect(pods).toHaveLength(SERVICE_NAMES.length)
  for (const seconds of pods) expect(Number(seconds)).toBeGreaterThan(30)
})

test('Kafka of docker compose keeps its log in the volume, as the store beside it keeps what is told of the log', () => {
  const { environment, volumes } = compose.services.kafka ?? {}
  expect(volumes).toContain(`kafka:${environment?.KAFKA_LOG_DIRS}`)
  expect(compose.services.gcs?.volumes).toHaveLength(1)
})

test('the registry that is deployed is the one that tests run against', () => {
  const image = `apicurio-registry-kafkasql:${REGISTRY_VERSION}`
  expect(compose.services.registry?.image).toContain(image)
  expect(readFileSync('k8s/overlays/local/schema-registry.yaml', 'utf8')).toContain(image)
})

test('every image is pinned to a version', () => {
  const images = Object.values(compose.services).flatMap(({ image, build }) =>
    build === undefined ? [image ?? ''] : [],
  )
  expect(images.length).toBeGreaterThanOrEqual(4)
  for (const image of images) expect(image).toMatch(/:\d/)
})

test('docs/operations.md names only metrics that there are', () => {
  const named = [...readFileSync('docs/operations.md', 'utf8').matchAll(/`(velocast_[a-z_]+[a-z])[`{]/g)].map(
    ([, name]) => name,
  )
  const sources = readdirSync('services', { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  const code = sources.map((file) => readFileSync(`services/${file}`, 'utf8')).join('\n')
  expect(named.length).toBeGreaterThan(5)
  for (const name of named) expect(code).toContain(`'${name}'`)
})
