import cliProgress from 'cli-progress'
import { VelocastError } from '../platform/errors.ts'

/** How a command talks: text for people or one JSON document for programs on stdout; progress on stderr. */
export interface Output {
  json: boolean
  /** A line for people; nothing with `--json`. */
  line(text: string): void
  /** The command's result: the JSON document, or what `text` makes of it. */
  result<Result>(value: Result, text: (value: Result) => string): void
  /** Progress of long work: a bar on a terminal, else a line each half minute, nothing with `--json`. */
  progress(label: string): Progress
  /** Of services, whose log is read by programs: nothing but a bar on a terminal. */
  serviceProgress(label: string): Progress
}

export interface Progress {
  update(done: number, total: number, detail: string): void
  stop(): void
}

const SILENT: Progress = { update: () => {}, stop: () => {} }
const LINE_MS = 30_000

export function createOutput({
  json,
  stdout = process.stdout,
}: {
  json: boolean
  stdout?: NodeJS.WritableStream
}): Output {
  return {
    json,
    line: (text) => {
      if (!json) stdout.write(`${text}\n`)
    },
    result: (value, text) => {
      stdout.write(`${json ? JSON.stringify(value) : text(value)}\n`)
    },
    progress(label) {
      if (process.stderr.isTTY) return terminalProgress(label)
      return json ? SILENT : logProgress(label)
    },
    serviceProgress: (label) => (process.stderr.isTTY ? terminalProgress(label) : SILENT),
  }
}

function terminalProgress(label: string): Progress {
  const bar = new cliProgress.SingleBar(
    {
      format: `${label} {bar} {percentage}% {value}/{total} {detail}`,
      hideCursor: true,
      stream: process.stderr,
    },
    cliProgress.Presets.shades_classic,
  )
  let started = false
  return {
    update(done, total, detail) {
      if (!started) bar.start(total, done, { detail })
      started = true
      bar.setTotal(total)
      bar.update(done, { detail })
    },
    stop() {
      if (started) bar.stop()
    },
  }
}

/** Work that ends within half a minute says nothing. */
export function logProgress(
  label: string,
  {
    stderr = process.stderr,
    now = () => performance.now(),
  }: { stderr?: NodeJS.WritableStream; now?: () => number } = {},
): Progress {
  let next = now() + LINE_MS
  return {
    update(done, total, detail) {
      if (now() < next) return
      next = now() + LINE_MS
      stderr.write(`${label}: ${Math.floor((100 * done) / Math.max(1, total))} %, ${detail}\n`)
    },
    stop() {},
  }
}

/** One line (or JSON document) on stderr for an error that ends a command. */
export function describeError(error: unknown, json: boolean): string {
  const code = error instanceof VelocastError ? error.code : 'internal'
  const message = error instanceof Error ? error.message : String(error)
  if (json) return JSON.stringify({ error: { code, message } })
  const stack = error instanceof VelocastError || !(error instanceof Error) ? '' : `\n${error.stack}`
  return `velocast: ${message} [${code}]${stack}`
}

/** A plain table: columns padded, two spaces between. */
export function table(header: string[], rows: string[][]): string {
  const widths = header.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(header), ...rows.map(line)].join('\n')
}
