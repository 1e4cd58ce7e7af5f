import { type ErrorCode, VelocastError } from '../platform/errors.ts'

/** What the command line exits with; documented in docs/command-line.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
} as const

const USAGE: readonly ErrorCode[] = [
  'config_invalid',
  'config_unreadable',
  'request_invalid',
  'replay_empty',
  'replay_unreadable',
]

const UNREACHABLE: readonly ErrorCode[] = [
  'log_unreachable',
  'log_credentials',
  'registry_unreachable',
  'store_unreachable',
  'store_credentials',
  'store_bucket_missing',
  'window_store_unreachable',
  'look_up_store_unreachable',
  'feed_unreachable',
]

export function exitCode(error: unknown): number {
  if (!(error instanceof VelocastError)) return EXIT.failed
  if (USAGE.includes(error.code)) return EXIT.usage
  return UNREACHABLE.includes(error.code) ? EXIT.unreachable : EXIT.failed
}
