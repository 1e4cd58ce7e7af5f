import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './command.ts'
import { fetchFromMaven, findJava } from './java.ts'
import { freePort } from './ports.ts'
import { type Server, serverDirectory, startServer } from './server.ts'

/** The last release whose answers follow Confluent's registry and that runs on Java 17. */
export const REGISTRY_VERSION = '2.6.13.Final'
const probeTimeoutMs = 2_000

export type Compatibility =
  | 'NONE'
  | 'BACKWARD'
  | 'BACKWARD_TRANSITIVE'
  | 'FORWARD'
  | 'FORWARD_TRANSITIVE'
  | 'FULL'
  | 'FULL_TRANSITIVE'

export type RegistryOptions = {
  port?: number
  /** Level for subjects without one of their own; BACKWARD unless given, as in Confluent's registry. */
  compatibility?: Compatibility
}

export type RegistryServer = Server & { url: string; port: number; version: string }

/**
 * Starts an Apicurio Registry that keeps its schemas in memory: a restart empties it.
 * `url` is the base of its Confluent-compatible API.
 * @throws UnavailableError when Java, Maven or the registry cannot be had
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryServer> {
  const [java, programs] = await Promise.all([findJava(), fetchRegistry()])
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  const directory = await serverDirectory('registry')
  const server = await startServer({
    name: 'registry',
    command: java,
    args: [
      ...['-Xmx384m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData'],
      `-Djava.io.tmpdir=${join(directory, 'tmp')}`,
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${port}`,
      '-jar',
      join(programs, `apicurio-registry-app-${REGISTRY_VERSION}-runner.jar`),
    ],
    directory,
    ready: async () => {
      await ask(`${url}/subjects`)
      await ask(`${url}/config`, {
        method: 'PUT',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ compatibility: options.compatibility ?? 'BACKWARD' }),
      })
    },
  })
  return Object.assign(server, { url, port, version: REGISTRY_VERSION })
}

/** Fetches the registry without starting it. */
export function fetchRegistry(): Promise<string> {
  const artifact = {
    groupId: 'io.apicurio',
    artifactId: 'apicurio-registry-app',
    version: REGISTRY_VERSION,
    type: 'tar.gz',
    classifier: 'all',
  }
  return fetchFromMaven({
    name: `apicurio-registry-${REGISTRY_VERSION}`,
    artifacts: [artifact],
    transitive: false,
    finish: async (directory) => {
      const archive = join(directory, `${artifact.artifactId}-${REGISTRY_VERSION}-all.tar.gz`)
      await run({ command: 'tar', args: ['-xzf', archive, '-C', directory, '--no-same-owner'] })
      await rm(archive)
    },
  })
}

async function ask(url: string, init: RequestInit = {}): Promise<void> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(probeTimeoutMs) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  await response.arrayBuffer()
}
