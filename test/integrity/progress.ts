import { expect } from 'vitest'
import { isRetryable } from '../../services/platform/errors.ts'
import type { EventLog, GroupLag } from '../../services/platform/event-log/port.ts'
import { GROUPS, TOPICS } from '../../services/platform/topics.ts'
import type { Members } from './members.ts'
import { until } from './until.ts'

/** A group and the topic that it reads. */
export type Reading = readonly [group: string, topic: string]
export const WINDOWS: Reading = [GROUPS.windows, TOPICS.status]
export const FORECAST: Reading = [GROUPS.forecast, TOPICS.windowUpdates]

/** How far services have come, as the log says it. */
export interface Progress {
  /** Offsets that a group has committed, of one partition or all together. */
  committed(reading: Reading, partition?: number): Promise<number>
  /** Fails with the output of one that has ended. */
  noneEnded(): void
  /** Waits until windows and forecasts of polls that are still to come are committed. */
  workGoesOn(when: string): Promise<void>
}

/** `log` is the test's own way to Kafka. */
export function progressOf({ log, members }: { log: EventLog; members: Members }): Progress {
  const committed: Progress['committed'] = async ([group, topic], partition) => {
    let lag: GroupLag[] = []
    await until(`the log says what ${group} has committed`, async () => {
      try {
        lag = await log.lag(group, [topic])
        return true
      } catch (error) {
        // A broker that has just gone is asked for a moment yet.
        if (!isRetryable(error)) throw error
        return false
      }
    })
    return lag
      .filter((place) => partition === undefined || place.partition === partition)
      .reduce((sum, place) => sum + (place.committed ?? 0), 0)
  }
  const noneEnded = (): void => {
    for (const { service, process } of members.all) {
      const { exitCode, signalCode } = process.child
      expect(exitCode ?? signalCode, `${service}: ${process.output().slice(-3_000)}`).toBe(null)
    }
  }
  return {
    committed,
    noneEnded,
    async workGoesOn(when) {
      for (const reading of [WINDOWS, FORECAST]) {
        const before = await committed(reading)
        await until(`${reading[0]} goes on ${when}`, async () => {
          noneEnded()
          return (await committed(reading)) > before
        })
      }
    },
  }
}
