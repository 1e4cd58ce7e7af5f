import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openInProcessLog } from '../../../services/platform/event-log/in-process.ts'
import { describeEventLog } from './event-log.conformance.ts'
import { instantClock } from './instant-clock.ts'

describeEventLog('in process', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'velocast-log-'))
  const clock = instantClock()
  return {
    open: () => openInProcessLog({ file: join(directory, 'log.sqlite'), clock }),
    advance: clock.advance,
    capabilities: { retention: true, compaction: true, exclusive: true },
    cleanUp: () => rm(directory, { recursive: true, force: true }),
  }
})
