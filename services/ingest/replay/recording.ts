import { openFileRecording } from './file-recording.ts'
import { openParquetRecording } from './parquet-recording.ts'
import {
  emptyRecording,
  type OpeningOptions,
  type Recording,
  type RecordingOptions,
} from './recorded-polls.ts'
import { type FileRole, listRecordingFiles } from './recording-file.ts'
import { Skipped } from './skipped.ts'

const JSON_ROLES: readonly FileRole[] = ['status', 'unnamed']

/**
 * Opens a recording. Files that are no part of it are counted by reason and left out.
 * Throws `replay_unreadable` (nothing there), `replay_empty` (no poll, with what was looked for), `config_invalid`.
 */
export async function openRecording(options: RecordingOptions): Promise<Recording> {
  const { from, information, format = 'auto' } = options
  const skipped = new Skipped()
  const files = await listRecordingFiles(from, skipped)
  const informationFiles = information === undefined ? [] : await listRecordingFiles(information, skipped)
  const opening: OpeningOptions = { ...options, files, informationFiles, skipped }
  const hasJson = files.some(({ role }) => JSON_ROLES.includes(role))
  const hasParquet = files.some(({ role }) => role === 'parquet')
  const parquet = format === 'parquet' || (format === 'auto' && !hasJson && hasParquet)
  if (parquet ? !hasParquet : !hasJson) throw emptyRecording({ from, format, skipped })
  const recording = parquet ? await openParquetRecording(opening) : await openFileRecording(opening)
  if (recording.total > 0) return recording
  await recording.close()
  throw emptyRecording({ from, format, skipped })
}
