import { openLocalStore } from '../platform/object-store/local.ts'
import { type PackTrainingOutcome, trainPacks } from './pack-training.ts'
import type { FromTraining, ToTraining } from './training-process.ts'

/** The training process: takes one task, says how it goes, gives its outcome, and ends with who started it. */
const versions: ((version: string) => void)[] = []
/** Progress is for people. */
const SAY_MS = 250
let said = 0

process.on('disconnect', () => process.exit(1))
process.on('message', (message: ToTraining) => {
  if (message.kind === 'version') {
    versions.shift()?.(message.version)
    return
  }
  trained(message).then(
    (outcome) => say({ kind: 'outcome', outcome }),
    (error: unknown) => {
      const { message: text, stack = '' } = error instanceof Error ? error : new Error(String(error))
      say({ kind: 'failed', message: text, stack })
    },
  )
})

async function trained({
  task,
  champions,
}: Extract<ToTraining, { kind: 'task' }>): Promise<PackTrainingOutcome> {
  return trainPacks(task, {
    objects: await openLocalStore({ root: champions }),
    versionOf: (features) => {
      const { promise, resolve } = Promise.withResolvers<string>()
      versions.push(resolve)
      say({ kind: 'version_of', features: [...features] })
      return promise
    },
    onProgress: (progress) => {
      if (performance.now() - said < SAY_MS) return
      said = performance.now()
      say({ kind: 'progress', progress })
    },
  })
}

function say(message: FromTraining): void {
  process.send?.(message)
}
