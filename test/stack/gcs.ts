import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { run } from './command.ts'
import { findGo } from './go.ts'
import { freePort } from './ports.ts'
import { type Server, serverDirectory, startServer } from './server.ts'
import { UnavailableError } from './unavailable.ts'

/** The newest release; it ignores preconditions outside uploads, which gcs-server/main.go answers. */
const version = '1.56.1'
const source = join(import.meta.dirname, 'gcs-server', 'main.go')
const probeTimeoutMs = 1_000

export type GcsOptions = {
  port?: number
  /** Keeps objects in files, so that they outlive a kill and a restart; in memory otherwise. */
  durable?: boolean
}

export type GcsServer = Server & { endpoint: string; port: number; version: string }

/**
 * Starts an emulator of Google Cloud Storage's JSON API without buckets.
 * `endpoint` is for `new Storage({ apiEndpoint, projectId })` or STORAGE_EMULATOR_HOST.
 * @throws UnavailableError when Go is missing or the emulator cannot be fetched and built
 */
export async function startGcs(options: GcsOptions = {}): Promise<GcsServer> {
  const programs = await buildGcs()
  const port = options.port ?? (await freePort())
  const endpoint = `http://127.0.0.1:${port}`
  const directory = await serverDirectory('gcs')
  const root = options.durable ? ['-root', join(directory, 'objects')] : []
  const server = await startServer({
    name: 'gcs',
    command: join(programs, 'gcs-server'),
    args: ['-address', `127.0.0.1:${port}`, ...root],
    environment: { TMPDIR: join(directory, 'tmp') },
    directory,
    ready: async () => {
      const url = `${endpoint}/storage/v1/b?project=probe`
      const response = await fetch(url, { signal: AbortSignal.timeout(probeTimeoutMs) })
      if (!response.ok) throw new Error(`gcs answered ${response.status}`)
      await response.arrayBuffer()
    },
  })
  return Object.assign(server, { endpoint, port, version })
}

/** Fetches and builds the emulator without starting it; about a minute the first time. */
export async function buildGcs(): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 12)
  return cached(`fake-gcs-server-${version}-${digest}`, async (directory) => {
    const go = await findGo('gcs')
    const module = join(directory, 'module')
    await mkdir(module)
    await copyFile(source, join(module, 'main.go'))
    const steps = [
      ['mod', 'init', 'velocast.test/gcs-server'],
      ['get', `github.com/fsouza/fake-gcs-server/fakestorage@v${version}`],
      ['build', '-trimpath', '-o', 'gcs-server', '.'],
    ]
    try {
      for (const args of steps) await run({ command: go, args, directory: module })
    } catch (cause) {
      const reason = `fake-gcs-server ${version} could not be built: ${(cause as Error).message}`
      const remedy = 'give Go access to its module proxy, or set VELOCAST_TEST_GCS_ENDPOINT'
      throw new UnavailableError({ name: 'gcs', reason, remedy }, { cause })
    }
    await rename(join(module, 'gcs-server'), join(directory, 'gcs-server'))
    await rm(module, { recursive: true })
  })
}
