import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** True when everything is asked for (`npm run test:integrity`), not the short form that every test run has. */
export const FULL = process.env.VELOCAST_TEST_INTEGRITY === 'full'

/** Number that every random choice follows from: a failed run is repeated by giving its seed. */
export const SEED = Number(process.env.VELOCAST_TEST_SEED ?? 20_260_310)

export function scratchDirectory(name: string): string {
  return mkdtempSync(join(tmpdir(), `velocast-integrity-${name}-`))
}
