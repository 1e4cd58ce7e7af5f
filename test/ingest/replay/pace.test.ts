import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PACED_GROUPS, type PacedGroup, ReplayPace } from '../../../services/ingest/replay/pace.ts'
import type { EventLog } from '../../../services/platform/event-log/port.ts'
import { GROUPS, TOPICS } from '../../../services/platform/topics.ts'

const BIN = 300_000

/** A log of one partition: 10 status records a poll, one window update each once the windows passed it. */
class Groups implements Pick<EventLog, 'lag'> {
  readonly committed: Partial<Record<PacedGroup, number>> = {}
  end = 0
  updates = 0
  asked = 0

  publish(pace: ReplayPace, bin: number): void {
    this.end += 10
    pace.published({ bin, partition: 3, offset: this.end - 1 })
  }

  async lag(group: string, [topic]: string[]): Promise<Awaited<ReturnType<EventLog['lag']>>> {
    this.asked += 1
    const name = PACED_GROUPS.find((candidate) => GROUPS[candidate] === group)!
    const end = topic === TOPICS.status ? this.end : this.updates
    return [
      { topic: topic!, partition: 0, committed: null, end: 0 },
      { topic: topic!, partition: 3, committed: this.committed[name] ?? null, end },
    ]
  }

  /** Every group handles the first `polls` polls. */
  pass(polls: number): void {
    for (const group of PACED_GROUPS) this.committed[group] = polls * 10
    this.updates = polls
    this.committed.forecast = polls
  }
}

describe('pace of a replay', () => {
  test('lets 21 bins go to groups that do nothing, and one more for each bin that all have passed', async () => {
    const log = new Groups()
    const pace = new ReplayPace({ log })
    let published = 0
    const publishAll = async (): Promise<number> => {
      while (published < 100 && (await pace.mayPublish(published * BIN))) {
        log.publish(pace, published * BIN)
        published += 1
      }
      return published
    }
    expect(await publishAll()).toBe(21)
    log.pass(1)
    expect(await publishAll()).toBe(22)
    log.pass(9)
    expect(await publishAll()).toBe(30)
    log.pass(30)
    expect(await publishAll()).toBe(51)
  })

  test.each(PACED_GROUPS)('the slowest counts: with %s behind it waits for that group', async (group) => {
    const log = new Groups()
    const pace = new ReplayPace({ log })
    const allowed = group === 'sink' ? 97 : 21
    for (let bin = 0; bin < allowed; bin++) log.publish(pace, bin * BIN)
    log.pass(allowed)
    log.committed[group] = group === 'forecast' ? 0 : 9
    expect(await pace.mayPublish(allowed * BIN)).toBe(false)
    expect(pace.slowest).toBe(group)
    log.pass(allowed)
    expect(await pace.mayPublish(allowed * BIN)).toBe(true)
  })

  test('a sink that commits by the hour never holds up polls that are ten minutes apart', async () => {
    const log = new Groups()
    const pace = new ReplayPace({ log })
    let firstOfHour = 0
    for (let poll = 0; poll < 40; poll++) {
      const bin = poll * 2
      if (Math.floor(bin / 12) > Math.floor((bin - 2) / 12)) firstOfHour = poll
      log.pass(poll)
      log.committed.sink = firstOfHour * 10
      expect(await pace.mayPublish(bin * BIN)).toBe(true)
      log.publish(pace, bin * BIN)
    }
  })

  test('a gap longer than 20 bins is passed: the newest bin waits for its successor, not the other way', async () => {
    const log = new Groups()
    const pace = new ReplayPace({ log })
    log.publish(pace, 0)
    log.publish(pace, BIN)
    expect(await pace.mayPublish(50 * BIN)).toBe(false)
    log.pass(1)
    expect(await pace.mayPublish(50 * BIN)).toBe(true)
  })

  test('asks the log only when it must, and never when no group is paced', async () => {
    const log = new Groups()
    const pace = new ReplayPace({ log })
    for (let bin = 0; bin < 12; bin++) {
      expect(await pace.mayPublish(bin * BIN)).toBe(true)
      log.publish(pace, bin * BIN)
    }
    expect(log.asked).toBe(0)
    const free = new ReplayPace({ log, groups: [] })
    for (let bin = 0; bin < 100; bin++) {
      expect(await free.mayPublish(bin * BIN)).toBe(true)
      log.publish(free, bin * BIN)
    }
    expect(log.asked).toBe(0)
  })

  test.each([
    ['a poll that is late by hours', [0, 1, 2, -40, 3], [0, 0, 0, 0, 0]],
    ['a gap of hours', [0, 1, 2, 60, 61], [0, 0, 0, 0, 3]],
    ['a feed that begins with what is hours old', [-40, 0, 1, 2], [0, 0, 0, 0]],
  ])(
    '%s never waits for a sink that can pass it only once the next poll has come',
    async (_name, bins, passed) => {
      const log = new Groups()
      const pace = new ReplayPace({ log })
      for (const [polls, bin] of bins.entries()) {
        log.pass(polls)
        log.committed.sink = passed[polls]! * 10
        expect(await pace.mayPublish(bin * BIN)).toBe(true)
        log.publish(pace, bin * BIN)
      }
    },
  )

  test('never lets a poll go more than 20 bins ahead, whatever the polls and the groups do', async () => {
    const step = fc.record({
      // Mostly forward, some gaps, some late polls.
      move: fc.constantFrom(0, 0, 1, 1, 1, 2, 30, -1, -3),
      passed: fc.integer({ min: 0, max: 100 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        const log = new Groups()
        const pace = new ReplayPace({ log })
        const bins: number[] = []
        let bin = 0
        let handled = 0
        for (const { move, passed } of steps) {
          bin = Math.max(0, bin + move)
          handled = Math.max(handled, Math.floor((bins.length * passed) / 100))
          log.pass(handled)
          if (await pace.mayPublish(bin * BIN)) {
            const newest = bins.at(-1)
            const behind = bins.slice(handled).filter((other) => other !== newest)
            for (const other of behind) expect(bin - other).toBeLessThanOrEqual(20)
            log.publish(pace, bin * BIN)
            // A late poll counts for the newest bin: what is after it lets the sink pass it.
            bins.push(Math.max(bin, newest ?? 0))
          }
        }
        log.pass(bins.length)
        expect(await pace.mayPublish((bin + 1000) * BIN)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })
})
