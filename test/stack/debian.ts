import { access, rm, writeFile } from 'node:fs/promises'
import { withLock } from './cache.ts'
import { findCommand, run } from './command.ts'
import { UnavailableError } from './unavailable.ts'

const policyFile = '/usr/sbin/policy-rc.d'

/**
 * Installs a Debian package when it is missing and this process is root; no service of it is started.
 * @throws UnavailableError when it is missing and cannot be installed
 */
export async function ensureDebianPackage(name: string): Promise<void> {
  if (await isInstalled(name)) return
  const remedy = `install the package ${name} by hand`
  if (!(await findCommand('apt-get')))
    throw new UnavailableError({ name, reason: 'it is not installed and this is no Debian machine', remedy })
  if (process.getuid?.() !== 0)
    throw new UnavailableError({ name, reason: 'it is not installed and this user is not root', remedy })
  await withLock('debian', async () => {
    if (await isInstalled(name)) return
    try {
      await install(name)
    } catch (cause) {
      throw new UnavailableError({ name, reason: (cause as Error).message, remedy }, { cause })
    }
  })
}

/**
 * Path of a program on PATH, after installing the Debian package that holds it when it is missing.
 * @throws UnavailableError when it is missing and cannot be installed
 */
export async function ensureCommand(options: { command: string; debianPackage: string }): Promise<string> {
  const present = await findCommand(options.command)
  if (present) return present
  await ensureDebianPackage(options.debianPackage)
  const installed = await findCommand(options.command)
  if (installed) return installed
  throw new UnavailableError({
    name: options.command,
    reason: `the package ${options.debianPackage} did not put it on PATH`,
    remedy: `put ${options.command} on PATH`,
  })
}

async function isInstalled(name: string): Promise<boolean> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format
  return run({ command: 'dpkg-query', args: ['-W', '-f', '${Status}', name] }).then(
    (status) => status.trim() === 'install ok installed',
    () => false,
  )
}

async function install(name: string): Promise<void> {
  const withoutServices = await forbidServices()
  try {
    const packageArgs = ['install', '--yes', '--no-install-recommends', name]
    await aptGet(...packageArgs).catch(async () => {
      await aptGet('update')
      await aptGet(...packageArgs)
    })
  } finally {
    await withoutServices()
  }
}

function aptGet(...args: string[]): Promise<string> {
  const environment = { DEBIAN_FRONTEND: 'noninteractive' }
  return run({ command: 'apt-get', args: ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], environment })
}

/** Debian asks policy-rc.d before a package's installation starts a service; 101 forbids it. */
async function forbidServices(): Promise<() => Promise<void>> {
  const present = await access(policyFile).then(
    () => true,
    () => false,
  )
  if (present) return async () => {}
  await writeFile(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => rm(policyFile, { force: true })
}
