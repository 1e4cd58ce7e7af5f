import type { TestProject } from 'vitest/node'
import { ensurePythonClient } from './python.ts'
import { type Endpoints, startStack } from './stack.ts'
import { buildToxiproxy } from './toxiproxy.ts'
import { type ServerName, serverNames, type Unavailable } from './unavailable.ts'

declare module 'vitest' {
  export interface ProvidedContext extends Endpoints {
    /** Set by a project's configuration under `test.provide`: the servers that it needs; all unless given. */
    servers?: ServerName[]
    /** What could not be had, with the reason and the remedy. */
    unavailable: Unavailable[]
  }
}

/**
 * Vitest's global setup: `globalSetup: ['test/stack/global-setup.ts']`. VELOCAST_TEST_SERVERS, a list such as
 * `kafka,redis` or `none`, replaces what the configuration asks for.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // What a new machine must build first would be counted to the tests that ask for it; those say what could not be had.
  const tools = Promise.allSettled([ensurePythonClient(), buildToxiproxy()])
  const stack = await startStack(
    named(process.env.VELOCAST_TEST_SERVERS) ?? project.getProvidedContext().servers,
  )
  await tools
  const { kafkaBrokers, registryUrl, redisUrl, gcsEndpoint } = stack.endpoints
  if (kafkaBrokers) project.provide('kafkaBrokers', kafkaBrokers)
  if (registryUrl) project.provide('registryUrl', registryUrl)
  if (redisUrl) project.provide('redisUrl', redisUrl)
  if (gcsEndpoint) project.provide('gcsEndpoint', gcsEndpoint)
  project.provide('unavailable', stack.unavailable)
  report(stack.unavailable)
  return async () => {
    await stack.stop()
    report(stack.unavailable)
  }
}

function report(unavailable: Unavailable[]): void {
  for (const { name, reason, remedy } of unavailable) {
    console.warn(`test server unavailable: ${name}: ${reason}; ${remedy}`)
  }
}

function named(list: string | undefined): ServerName[] | undefined {
  if (!list) return undefined
  if (list === 'none') return []
  return list.split(',').map((entry) => {
    const name = serverNames.find((candidate) => candidate === entry.trim())
    if (name) return name
    throw new Error(`VELOCAST_TEST_SERVERS must list some of ${serverNames.join(', ')}, or be none: ${entry}`)
  })
}
