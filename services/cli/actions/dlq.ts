import { VelocastError } from '../../platform/errors.ts'
import {
  type DeadLetterFilter,
  originalHeaders,
  originName,
  readDeadLetters,
  readLetterRecords,
  type StoredLetter,
} from '../../platform/event-log/read-dead-letters.ts'
import { type ReplayReport, replayDeadLetters } from '../../platform/event-log/replay-dead-letters.ts'
import type { Platform } from '../../platform/service.ts'
import type { DlqOptions } from '../commands/dlq.ts'
import { openPlatform } from '../composition.ts'
import { table } from '../output.ts'
import { type Setting, setting } from '../setting.ts'

/** Characters of hexadecimal that are shown to people; with `--json` all of it is printed. */
const SHOWN_HEX = 512

export function listLetters(options: DlqOptions): Promise<void> {
  return withPlatform(options, async ({ log }, { output }) => {
    const matched = await readDeadLetters({ log, filter: filterOf(options) })
    const letters = newest(matched, options.limit)
    output.result({ matched: matched.length, letters }, () => describeList(matched, letters))
  })
}

export function showLetters(options: DlqOptions): Promise<void> {
  return withPlatform(options, async ({ log, codec }, { output }) => {
    const letters = newest(await readDeadLetters({ log, filter: filterOf(options) }), options.limit)
    const records = letters.length === 0 ? [] : await readLetterRecords(log, letters)
    const shown: ShownLetter[] = []
    for (const [place, letter] of letters.entries()) {
      const record = records[place]
      if (record === undefined) continue
      const [decoded] = await codec.decode(letter.origin?.topic ?? '', [record.value])
      shown.push({
        ...letter,
        headers: originalHeaders(record),
        record: decoded === undefined || decoded instanceof VelocastError ? null : decoded,
        hex: record.value?.toString('hex') ?? null,
      })
    }
    output.result(shown.map(printable), () =>
      shown.length === 0 ? 'no dead letter fits' : shown.map(describeLetter).join('\n\n'),
    )
  })
}

export function replayLetters(options: DlqOptions & { dryRun?: boolean }): Promise<void> {
  return withPlatform(options, async (platform, { output }) => {
    const bar = output.progress('dead letters')
    const report = await replayDeadLetters({
      platform,
      filter: filterOf(options),
      limit: options.limit,
      dryRun: options.dryRun === true,
      onProgress: (done, total) => bar.update(done, total, 'replayed'),
    }).finally(() => bar.stop())
    output.result(report, describeReplay)
  })
}

type ShownLetter = StoredLetter & {
  headers: Record<string, string>
  record: { name: string; value: unknown } | null
  hex: string | null
}

async function withPlatform(
  options: DlqOptions,
  work: (platform: Platform, given: Setting) => Promise<void>,
): Promise<void> {
  const given = setting(options, {}, { logging: { level: 'warn' } })
  const { platform, close } = await openPlatform(given)
  await work(platform, given).finally(close)
}

function filterOf({ system, code, service, since, until, partition, offset }: DlqOptions): DeadLetterFilter {
  if (offset !== undefined && partition === undefined) {
    throw new VelocastError({
      code: 'request_invalid',
      message: `--offset needs --partition too, every partition has one of its own: ${offset}`,
    })
  }
  return {
    ...(system === undefined ? {} : { system }),
    ...(code === undefined ? {} : { code }),
    ...(service === undefined ? {} : { service }),
    ...(since === undefined ? {} : { sinceUtc: since }),
    ...(until === undefined ? {} : { untilUtc: until }),
    ...(partition === undefined ? {} : { partition }),
    ...(offset === undefined ? {} : { offset }),
  }
}

function newest(letters: StoredLetter[], limit: number): StoredLetter[] {
  return limit === 0 ? [] : letters.slice(-limit)
}

function time(utc: number): string {
  return `${new Date(utc).toISOString().slice(0, 19)}Z`
}

function describeList(matched: StoredLetter[], letters: StoredLetter[]): string {
  if (matched.length === 0) return 'no dead letter fits'
  const counts = [...Map.groupBy(matched, ({ code }) => code)].map(([code, all]) => `${code} ${all.length}`)
  const replayed = matched.filter((letter) => letter.replayed).length
  return [
    table(
      ['PARTITION', 'OFFSET', 'REFUSED', 'SERVICE', 'CODE', 'KEY', 'RECORD', 'REPLAYED'],
      letters.map((letter) => [
        String(letter.partition),
        String(letter.offset),
        time(letter.appended_utc),
        letter.service,
        letter.code,
        letter.key,
        originName(letter),
        letter.replayed ? 'yes' : '',
      ]),
    ),
    `${matched.length} dead letters (${counts.join(', ')}), ${replayed} replayed, ${letters.length} listed`,
  ].join('\n')
}

function describeLetter(letter: ShownLetter): string {
  const { partition, offset, appended_utc, service, code, message, key, record, hex, bytes } = letter
  const value =
    record === null
      ? `${hex === null ? 'none' : `${hex.slice(0, SHOWN_HEX)}${hex.length > SHOWN_HEX ? '…' : ''}`}`
      : `${record.name} ${JSON.stringify(record.value, withoutBytes)}`
  return [
    `${partition}/${offset}: ${code}, refused by ${service} at ${time(appended_utc)}${letter.replayed ? ', replayed' : ''}`,
    `  why: ${message}`,
    `  record: ${originName(letter)}`,
    `  key: ${key}`,
    ...Object.entries(letter.headers).map(([name, text]) => `  ${name}: ${text}`),
    `  value (${bytes === null ? 'null' : `${bytes} bytes`}${letter.cut ? ', cut' : ''}): ${value}`,
  ].join('\n')
}

function printable(letter: ShownLetter): unknown {
  return JSON.parse(JSON.stringify(letter, withoutBytes))
}

/** Bytes within a record (a window update's slots) as hexadecimal. */
function withoutBytes(_name: string, value: unknown): unknown {
  const isBuffer = typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer'
  return isBuffer && 'data' in value ? Buffer.from(value.data as number[]).toString('hex') : value
}

function describeReplay({ dry_run, published, already_replayed, still_refused, left }: ReplayReport): string {
  const done = dry_run ? `dry run: ${published} would be published` : `${published} published`
  return [
    `${done}, ${already_replayed} replayed before, ${still_refused.length} would be refused again, ${left} left by --limit`,
    ...still_refused.map(
      ({ partition, offset, code, message }) => `  ${partition}/${offset}: ${message} [${code}]`,
    ),
  ].join('\n')
}
