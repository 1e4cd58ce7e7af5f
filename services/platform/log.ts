import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from './config.ts'

/** Keys whose values never reach a log, at the first three levels of a logged object. */
const SECRET_KEYS = ['password', 'secret', 'token', 'authorization', 'cookie', 'credentials', 'private_key']
const SECRET_PATHS = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`])

/** Masks what stands between `:` and `@` in every address of `text`: `redis://user:[redacted]@host`. */
export function redactAddresses(text: string): string {
  return text.replace(/(:\/\/[^\s:/@"\\]*):[^\s/@"\\]+@/g, '$1:[redacted]@')
}

/**
 * The logger of a process: JSON lines, or coloured text for people when `format` is `pretty`, or `auto` and
 * `stream` is a terminal. Writes synchronously, so nothing is lost at exit. Secrets are masked by key, and
 * passwords in addresses wherever they stand, error messages included.
 */
export function createLogger({
  level,
  format,
  stream = process.stdout,
}: Config['logging'] & { stream?: NodeJS.WritableStream & { isTTY?: boolean } }): Logger {
  const forPeople = format === 'pretty' || (format === 'auto' && stream.isTTY === true)
  const destination = forPeople
    ? pretty({
        destination: stream,
        sync: true,
        colorize: stream.isTTY === true,
        ignore: 'pid,hostname',
        translateTime: 'SYS:HH:MM:ss',
        singleLine: true,
      })
    : stream
  return pino(
    {
      level,
      base: forPeople ? {} : { pid: process.pid },
      redact: { paths: SECRET_PATHS, censor: '[redacted]' },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: { streamWrite: redactAddresses },
    },
    destination,
  )
}
