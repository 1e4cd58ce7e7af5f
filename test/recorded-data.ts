import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Directory of the recorded feeds (VELOCAST_RECORDED_DATA, or a checkout's neighbour), null where there is none. */
export function recordedData(): string | null {
  const candidates = [
    process.env.VELOCAST_RECORDED_DATA,
    fileURLToPath(new URL('../../shared/data', import.meta.url)),
  ]
  return candidates.find((path) => path !== undefined && existsSync(path)) ?? null
}
