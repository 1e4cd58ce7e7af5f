import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../services/platform/clock.ts'
import { openInProcessLog } from '../../services/platform/event-log/in-process.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import { describeLiveIngest } from './live-ingest.conformance.ts'

describeLiveIngest('the embedded log', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'velocast-ingest-'))
  return {
    log: openInProcessLog({ file: join(directory, 'log.sqlite'), clock: systemClock }),
    registry: openLocalRegistry({ directory }),
    cleanUp: async () => rmSync(directory, { recursive: true, force: true }),
  }
})
