import { createRequire } from 'node:module'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../services/platform/clock.ts'
import { openKafkaLog } from '../../services/platform/event-log/kafka.ts'
import type { EventLog } from '../../services/platform/event-log/port.ts'
import { type KafkaServer, startKafka } from '../stack/kafka.ts'
import { UnavailableError } from '../stack/unavailable.ts'

const PATIENCE = { timeout: 60_000, interval: 100 }
const TOPIC = 'rejoin'
const GROUP = 'rejoin-group'

interface Broker {
  syncGroup(request: { memberId: string }): Promise<unknown>
}
const { prototype: broker } = createRequire(import.meta.url)('kafkajs/src/broker') as { prototype: Broker }
const { KafkaJSRequestTimeoutError } = createRequire(import.meta.url)('kafkajs/src/errors') as {
  KafkaJSRequestTimeoutError: new (message: string, facts: object) => Error
}

/**
 * Guards against a member that the group takes for one of its own, while its batches are thrown away for ever: the
 * answer to its join was lost, so that it never heard of its new epoch.
 */
describe('a member whose answer to a join is lost', () => {
  let server: KafkaServer | null = null
  const logs: EventLog[] = []
  const { syncGroup } = broker

  beforeAll(async () => {
    server = await startKafka().catch((error: unknown) => {
      if (error instanceof UnavailableError && !process.env.CI) return null
      throw error
    })
  })
  afterAll(async () => {
    broker.syncGroup = syncGroup
    for (const log of logs) await log.close()
    await server?.stop()
  })

  function openLog(clientId: string): EventLog {
    const log = openKafkaLog({
      brokers: server!.brokers,
      clientId,
      sessionTimeoutMs: 6_000,
      replication: 1,
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    })
    logs.push(log)
    return log
  }

  test('joins again by itself, and reads what is its own', async (context) => {
    if (server === null) return context.skip('no Kafka could be started here')
    const [first, second] = [openLog('rejoin-first'), openLog('rejoin-second')]
    await first.ensureTopics([
      { name: TOPIC, partitions: 2, retentionMs: null, compacted: false, maxBytes: 1_048_576 },
    ])
    const seen: Record<string, Set<string>> = { first: new Set(), second: new Set() }
    const join = (log: EventLog, name: string) =>
      log.subscribe({
        group: GROUP,
        topics: [TOPIC],
        async batch({ records }) {
          for (const { key } of records) seen[name]!.add(key!)
        },
      })
    let published = 0
    /** To both partitions. */
    const publish = async (): Promise<void> => {
      const records = Array.from({ length: 40 }, () => {
        const key = String(published++)
        return { partitionKey: `system-${key}`, key, value: Buffer.from(key) }
      })
      await first.publish(TOPIC, records)
    }
    const all = (): number => new Set([...seen.first!, ...seen.second!]).size

    await join(first, 'first')
    await publish()
    await vi.waitFor(() => expect(all()).toBe(published), PATIENCE)
    expect(seen.first!.size).toBe(published)

    let lost = 0
    broker.syncGroup = async function (this: Broker, request) {
      const answer = await syncGroup.call(this, request)
      if (lost > 0 || !request.memberId.startsWith('rejoin-first')) return answer
      lost += 1
      throw new KafkaJSRequestTimeoutError('Request SyncGroup timed out', {})
    }
    await join(second, 'second')
    await vi.waitFor(() => expect(lost).toBe(1), PATIENCE)
    const before = seen.first!.size
    await publish()
    await vi.waitFor(() => expect(all()).toBe(published), PATIENCE)
    expect(seen.first!.size).toBeGreaterThan(before)
  })
})
