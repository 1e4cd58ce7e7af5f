import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { recordedData } from '../../recorded-data.ts'

export const RECORDED = recordedData()
/** Part of a test's name that says why it is skipped. */
export const NEEDS_RECORDED = RECORDED === null ? ' (needs recorded data: set VELOCAST_RECORDED_DATA)' : ''

/** Bytes of a recorded file, decompressed. */
export function recordedBytes(path: string): Buffer {
  const bytes = readFileSync(join(RECORDED ?? '', path))
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

export function recordedJson(path: string): unknown {
  return JSON.parse(recordedBytes(path).toString())
}
