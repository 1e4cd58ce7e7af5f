import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../services/platform/clock.ts'
import { openKafkaLog } from '../../services/platform/event-log/kafka.ts'
import type { EventLog } from '../../services/platform/event-log/port.ts'
import { type KafkaServer, startKafka } from '../stack/kafka.ts'
import { kafkaClient } from '../stack/kafka-client.ts'
import { freePort } from '../stack/ports.ts'
import { startToxiproxy, type Toxiproxy, type WireProxy } from '../stack/toxiproxy.ts'
import { UnavailableError } from '../stack/unavailable.ts'

const PATIENCE = { timeout: 60_000, interval: 100 }

/** Guards against a consumer or a producer that does not come back by itself after its broker did. */
describe('a broker that stops and comes back', () => {
  let server: KafkaServer | null = null
  let log: EventLog

  beforeAll(async () => {
    server = await startKafka().catch((error: unknown) => {
      if (error instanceof UnavailableError && !process.env.CI) return null
      throw error
    })
    if (server === null) return
    log = openKafkaLog({
      brokers: server.brokers,
      clientId: 'velocast-outage',
      sessionTimeoutMs: 6_000,
      replication: 1,
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    })
  })
  afterAll(async () => {
    await log?.close()
    await server?.stop()
  })

  test('is waited for: what was acknowledged is consumed, epochs grow, nothing ends', async (context) => {
    if (server === null) return context.skip('no Kafka could be started here')
    const topic = 'outage'
    await log.ensureTopics([
      { name: topic, partitions: 2, retentionMs: null, compacted: false, maxBytes: 1_048_576 },
    ])
    const record = (n: number) => ({
      partitionKey: `system-${n % 4}`,
      key: String(n),
      value: Buffer.from(`${n}`),
    })
    const seen = new Set<string>()
    const epochs: number[] = []
    const failures: unknown[] = []
    const subscription = await log.subscribe({
      group: 'outage-group',
      topics: [topic],
      async assigned({ epoch }) {
        epochs.push(epoch)
        return undefined
      },
      async batch({ records, epoch, partition }) {
        for (const { key } of records) seen.add(key!)
        await subscription.commit(epoch, [{ topic, partition, offset: records.at(-1)!.offset + 1 }])
      },
      failed: (error) => failures.push(error),
    })
    const publish = async (n: number): Promise<void> => {
      for (;;) {
        try {
          await log.publish(topic, [record(n)])
          return
        } catch (error) {
          expect(error).toMatchObject({ code: 'log_unreachable', retryable: true })
          await systemClock.sleep(200)
        }
      }
    }
    for (let n = 0; n < 10; n++) await publish(n)
    await vi.waitFor(() => expect(seen.size).toBe(10), PATIENCE)

    await server.kill()
    const during = publish(10)
    await systemClock.sleep(3_000)
    await server.restart()
    await during
    for (let n = 11; n < 20; n++) await publish(n)
    await vi.waitFor(() => expect(seen.size).toBe(20), PATIENCE)
    await vi.waitFor(async () => {
      const lag = await log.lag('outage-group', [topic])
      expect(lag.map(({ committed, end }) => end - (committed ?? 0))).toEqual([0, 0])
    }, PATIENCE)
    expect(failures).toEqual([])
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b))
    await subscription.close()
  })

  test('finds no member that was told to leave meanwhile', async (context) => {
    if (server === null) return context.skip('no Kafka could be started here')
    const [topic, group] = ['left', 'left-group']
    let leave: () => void = () => {}
    const told = new Promise<void>((resolve) => {
      leave = resolve
    })
    let closing: Promise<void> | null = null
    const leaving = openKafkaLog({
      brokers: server.brokers,
      clientId: 'velocast-leaving',
      sessionTimeoutMs: 6_000,
      replication: 1,
      clock: systemClock,
      // At the very moment at which the consumer says that it will join again.
      logger: pino(
        { level: 'warn' },
        {
          write(line: string) {
            if (!line.includes('lost its group')) return
            closing ??= subscription.close()
            leave()
          },
        },
      ),
    })
    await leaving.ensureTopics([
      { name: topic, partitions: 1, retentionMs: null, compacted: false, maxBytes: 1_048_576 },
    ])
    let assigned = 0
    const subscription = await leaving.subscribe({
      group,
      topics: [topic],
      async assigned() {
        assigned += 1
        return undefined
      },
      async batch() {},
    })
    await vi.waitFor(() => expect(assigned).toBe(1), PATIENCE)
    await server.kill()
    await told
    await server.restart()
    await closing
    const admin = kafkaClient(server.brokers).admin()
    await admin.connect()
    const members: number[] = []
    for (let look = 0; look < 20; look++) {
      const { groups } = await admin.describeGroups([group])
      members.push(groups[0]!.members.length)
      await systemClock.sleep(500)
    }
    await admin.disconnect()
    await leaving.close()
    expect(assigned).toBe(1)
    expect(members.slice(-4)).toEqual([0, 0, 0, 0])
  })
})

/** Guards against a client that reads the rest of an answer that was cut into the answers of its next connections. */
describe('a broker whose answers are cut in the middle for a while', () => {
  const started: { stop(): Promise<void> }[] = []
  afterAll(() => Promise.all(started.map((server) => server.stop())))

  test('is understood again by the same producer and consumer', async (context) => {
    const behind = await freePort()
    let toxiproxy: Toxiproxy
    let server: KafkaServer
    try {
      toxiproxy = await startToxiproxy()
      started.push(toxiproxy)
      const wire = await toxiproxy.proxy({ name: 'kafka', upstream: `127.0.0.1:${behind}` })
      server = await startKafka({ behind: { port: behind, advertised: wire.port } })
      started.push(server)
      await understoodAgain(wire)
    } catch (error) {
      if (error instanceof UnavailableError && !process.env.CI) return context.skip(error.message)
      throw error
    }
  })

  async function understoodAgain(wire: WireProxy): Promise<void> {
    const log = openKafkaLog({
      brokers: [wire.address],
      clientId: 'velocast-cut',
      sessionTimeoutMs: 6_000,
      replication: 1,
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    })
    started.unshift({ stop: () => log.close() })
    const topic = 'cut'
    await log.ensureTopics([
      { name: topic, partitions: 1, retentionMs: null, compacted: false, maxBytes: 1_048_576 },
    ])
    const seen = new Set<string>()
    await log.subscribe({
      group: 'cut-group',
      topics: [topic],
      async batch({ records }) {
        for (const { key } of records) seen.add(key!)
      },
    })
    const publish = (n: number) =>
      log.publish(topic, [{ partitionKey: 'system', key: String(n), value: Buffer.from(`${n}`) }])
    await publish(0)
    await vi.waitFor(() => expect([...seen]).toEqual(['0']), PATIENCE)
    await wire.fail('cut')
    // Short answers pass until a connection has had its bytes.
    await vi.waitFor(
      () => expect(publish(1)).rejects.toMatchObject({ code: 'log_unreachable', retryable: true }),
      PATIENCE,
    )
    await wire.heal()
    await vi.waitFor(() => publish(2), PATIENCE)
    await vi.waitFor(() => expect(seen).toContain('2'), PATIENCE)
  }
})
