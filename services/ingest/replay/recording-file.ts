import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import yauzl from 'yauzl'
import { VelocastError } from '../../platform/errors.ts'
import { type NameTime, timeInName } from './name-time.ts'
import type { Skipped } from './skipped.ts'

/** What a file is by its name; `unnamed` is JSON whose name says nothing: its content decides. */
const FILE_ROLES = [
  'status',
  'information',
  'vehicle_types',
  'weather',
  'unnamed',
  'parquet',
  'csv',
  'other',
] as const
export type FileRole = (typeof FILE_ROLES)[number]

/** A file of a recording, or a member of a zip. */
export interface RecordingFile {
  path: string
  member: string | null
  role: FileRole
  named: NameTime | null
  /** Bytes, unpacked for members of a zip. */
  size: number
}

export function fileLabel({ path, member }: Pick<RecordingFile, 'path' | 'member'>): string {
  return member === null ? path : `${path}!${member}`
}

const OTHER_FEEDS =
  /gbfs(_versions)?\.json|system_|free_bike|vehicle_status|geofencing|alerts|pricing|regions|calendar|hours/

function roleOf(name: string): FileRole {
  const lower = basename(name).toLowerCase()
  if (lower.endsWith('.parquet')) return 'parquet'
  if (lower.endsWith('.csv')) return 'csv'
  if (!/\.json(\.gz)?$/.test(lower)) return 'other'
  if (lower.includes('station_status')) return 'status'
  if (lower.includes('information') && !lower.includes('system_information')) return 'information'
  if (lower.includes('vehicle_types')) return 'vehicle_types'
  if (lower.includes('weather')) return 'weather'
  return OTHER_FEEDS.test(lower) ? 'other' : 'unnamed'
}

/**
 * Every file at `from` (a file or a directory, deep, members of zips included), by path. Reads names only.
 * A zip that can't be opened is counted as `unreadable`. Throws `replay_unreadable` when `from` is not there.
 */
export async function listRecordingFiles(from: string, skipped: Skipped): Promise<RecordingFile[]> {
  const found = await stat(from).catch((cause: unknown) => {
    throw new VelocastError({
      code: 'replay_unreadable',
      message: `recording can't be read: give a file or a directory that is there, got ${from}`,
      cause,
    })
  })
  const paths = found.isDirectory()
    ? (await readdir(from, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
    : [from]
  const files: RecordingFile[] = []
  for (const path of paths) {
    if (path.toLowerCase().endsWith('.zip')) files.push(...(await listZip(path, skipped)))
    else {
      const { size } = await stat(path)
      files.push({ path, member: null, role: roleOf(path), named: timeInName(basename(path)), size })
    }
  }
  return files
}

async function listZip(path: string, skipped: Skipped): Promise<RecordingFile[]> {
  const files: RecordingFile[] = []
  try {
    const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false })
    try {
      for await (const { fileName, uncompressedSize } of zip.eachEntry()) {
        if (fileName.endsWith('/')) continue
        const named = timeInName(basename(fileName))
        files.push({ path, member: fileName, role: roleOf(fileName), named, size: uncompressedSize })
      }
    } finally {
      zip.close()
    }
  } catch (error) {
    skipped.add('unreadable', path, error)
  }
  return files.sort((a, b) => (a.member! < b.member! ? -1 : 1))
}
