import { afterEach, beforeEach, describe } from 'vitest'
import type { EventLog } from '../../../services/platform/event-log/port.ts'
import { deliveryLaws } from './conformance/delivery.ts'
import { groupLaws } from './conformance/groups.ts'
import { keepingLaws } from './conformance/keeping.ts'
import { publishLaws } from './conformance/publish.ts'
import type { EventLogHarness, World } from './conformance/world.ts'

/** The contract of services/platform/event-log/port.ts, for every adapter. */
export function describeEventLog(name: string, createHarness: () => Promise<EventLogHarness>): void {
  describe(`event log: ${name}`, () => {
    const open: EventLog[] = []
    const world = {
      openLog() {
        const opened = world.harness.open()
        open.push(opened)
        return opened
      },
      openPeer: () => (world.harness.capabilities.exclusive ? world.log : world.openLog()),
    } as World

    beforeEach(async () => {
      world.harness = await createHarness()
      world.log = world.openLog()
    })
    afterEach(async () => {
      await Promise.all(open.splice(0).map((opened) => opened.close()))
      await world.harness.cleanUp()
    })

    publishLaws(world)
    deliveryLaws(world)
    groupLaws(world)
    keepingLaws(world)
  })
}
