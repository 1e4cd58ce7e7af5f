import { openInProcessLog } from '../../../services/platform/event-log/in-process.ts'
import { memoryRegistry } from '../schema-registry/memory-registry.ts'
import { describeConsume } from './consume.conformance.ts'
import { instantClock } from './instant-clock.ts'

describeConsume('in process', async () => ({
  log: openInProcessLog({ file: ':memory:', clock: instantClock() }),
  registry: memoryRegistry(),
  cleanUp: async () => {},
}))
