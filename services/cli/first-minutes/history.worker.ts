import { createLogger } from '../../platform/log.ts'
import { type FromHistory, makeHistory, type ToHistory } from './make-history.ts'

/** The process that makes a history: takes one task, says how it goes, and ends with who started it. */
process.on('disconnect', () => process.exit(1))
process.on('message', (task: ToHistory) => {
  const logger = createLogger({ level: 'warn', format: 'json', stream: process.stderr })
  makeHistory({ ...task, logger, onDay: (day) => say({ kind: 'day', day }) }).then(
    (store) => say({ kind: 'made', store }),
    (error: unknown) =>
      say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
  )
})

function say(message: FromHistory): void {
  process.send?.(message)
}
