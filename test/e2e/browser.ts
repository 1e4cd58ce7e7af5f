import { type Browser, chromium } from 'playwright-core'
import { ensureCommand } from '../stack/debian.ts'
import { UnavailableError } from '../stack/unavailable.ts'

/** A browser that asks nothing of the network of its own accord. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * Debian's Chromium, installed when it is missing and may be installed; else why it can't be had. With CI=true a
 * missing browser is an error.
 */
export async function launchBrowser(): Promise<Browser | UnavailableError> {
  try {
    const executablePath = await ensureCommand({ command: 'chromium', debianPackage: 'chromium' })
    return await chromium.launch({ executablePath, args: ARGUMENTS })
  } catch (error) {
    if (error instanceof UnavailableError && process.env.CI !== 'true') return error
    throw error
  }
}
