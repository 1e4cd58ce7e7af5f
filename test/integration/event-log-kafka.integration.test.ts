import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { describe, expect, inject, test, vi } from 'vitest'
import { systemClock } from '../../services/platform/clock.ts'
import { type KafkaLogOptions, openKafkaLog } from '../../services/platform/event-log/kafka.ts'
import { describeEventLog } from '../platform/event-log/event-log.conformance.ts'
import { kafkaClient } from '../stack/kafka-client.ts'

const CHILD = fileURLToPath(new URL('./connecting-child.ts', import.meta.url))
const brokers = inject('kafkaBrokers') ?? []

const open = (more: Partial<KafkaLogOptions> = {}) =>
  openKafkaLog({
    brokers,
    clientId: 'velocast-conformance',
    sessionTimeoutMs: 6_000,
    replication: 1,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    ...more,
  })

describe.skipIf(brokers.length === 0)('with a Kafka broker (skipped where none could be started)', () => {
  describeEventLog('kafka', async () => ({
    open,
    capabilities: { retention: false, compaction: false, exclusive: false },
    cleanUp: async () => {},
  }))

  describe('the kafka log', () => {
    test('prints nothing on stderr while it connects, publishes and consumes', async () => {
      const child = spawn(process.execPath, [CHILD, ...brokers], { stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      let errors = ''
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
      child.stderr.on('data', (chunk: Buffer) => {
        errors += chunk.toString()
      })
      const code = await new Promise((resolve) => child.once('close', resolve))
      expect([code, output, errors]).toEqual([0, 'consumed 3\n', ''])
    })

    test('leaves no group in the cluster when a transient reader is closed', async () => {
      const log = open()
      const topic = `transient-${process.pid}-${Date.now()}`
      await log.ensureTopics([
        { name: topic, partitions: 1, retentionMs: null, compacted: false, maxBytes: 1_048_576 },
      ])
      await log.publish(topic, [{ partitionKey: 'a', key: 'a', value: null }])
      const group = `reader-of-${topic}`
      const read = Promise.withResolvers<void>()
      const reader = { group, transient: true, topics: [topic], batch: async () => read.resolve() }
      const subscription = await log.subscribe(reader)
      await read.promise
      const admin = kafkaClient(brokers).admin()
      await admin.connect()
      const groups = async () =>
        (await admin.listGroups()).groups.filter(({ groupId }) => groupId.startsWith(group))
      expect(await groups()).toHaveLength(1)
      await subscription.close()
      expect(await groups()).toEqual([])
      await admin.disconnect()
      await log.close()
    })

    test('tells ends and lag of some topics while it meets others for the first time', async () => {
      const log = open()
      const names = Array.from({ length: 24 }, (_, n) => `met-${process.pid}-${Date.now()}-${n}`)
      await log.ensureTopics(
        names.map((name) => ({
          name,
          partitions: 2,
          retentionMs: null,
          compacted: false,
          maxBytes: 1_048_576,
        })),
      )
      const [known, ...others] = names as [string, ...string[]]
      await log.publish(known, [{ partitionKey: 'a', key: 'a', value: null }])
      const asked = others.flatMap((name) => [log.lag('nobody', [known]), log.offsetsAt(name, 0)])
      const [first] = (await Promise.all(asked)) as Awaited<ReturnType<typeof log.lag>>[]
      expect(first!.reduce((sum, { end }) => sum + end, 0)).toBe(1)
      await log.close()
    })

    test('keeps its partitions while a handler works for longer than the session timeout', async () => {
      const log = open()
      const topic = `slow-${process.pid}-${Date.now()}`
      await log.ensureTopics([
        { name: topic, partitions: 1, retentionMs: null, compacted: false, maxBytes: 1_048_576 },
      ])
      await log.publish(topic, [{ partitionKey: 'a', key: 'a', value: null }])
      const epochs: number[] = []
      const committed = Promise.withResolvers<void>()
      const subscription = await log.subscribe({
        group: `${topic}-group`,
        topics: [topic],
        assigned: async ({ epoch }) => {
          epochs.push(epoch)
          return undefined
        },
        async batch({ epoch, partition }) {
          await systemClock.sleep(9_000)
          await subscription
            .commit(epoch, [{ topic, partition, offset: 1 }])
            .then(committed.resolve, committed.reject)
        },
      })
      await committed.promise
      expect(epochs).toHaveLength(1)
      await log.close()
    })

    test('takes records of every size up to its topic’s limit, many at once, in order', async () => {
      const log = open()
      const topic = `large-${process.pid}-${Date.now()}`
      const maxBytes = 4 * 1_048_576
      await log.ensureTopics([{ name: topic, partitions: 2, retentionMs: null, compacted: false, maxBytes }])
      const sizes = [10, maxBytes - 1_000, 3_000_000, 2_000_000, 2_000_000, ...Array(4_000).fill(100)]
      const positions = await log.publish(
        topic,
        sizes.map((size, n) => ({ partitionKey: 'a', key: `a/${n}`, value: Buffer.alloc(size, n % 251) })),
      )
      expect(positions.map(({ offset }) => offset)).toEqual(sizes.map((_, n) => n))
      const seen: number[] = []
      const subscription = await log.subscribe({
        group: `${topic}-group`,
        topics: [topic],
        async batch({ records }) {
          for (const { value } of records) seen.push(value!.length)
        },
      })
      await vi.waitFor(() => expect(seen).toHaveLength(sizes.length), { timeout: 30_000, interval: 50 })
      expect(seen).toEqual(sizes)
      await subscription.close()
      await log.close()
    })
  })
})

describe('brokers that cannot be reached', () => {
  test('are waited for with a line each time, then refused by their address', async () => {
    const lines: { msg: string; level: number }[] = []
    const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(JSON.parse(line)) })
    const log = open({ brokers: ['127.0.0.1:9'], connectLimitMs: 4_000, logger })
    await expect(log.publish('any', [])).rejects.toMatchObject({
      code: 'log_unreachable',
      retryable: true,
      message: expect.stringContaining('127.0.0.1:9'),
    })
    expect(lines.length).toBeGreaterThan(0)
    for (const { msg } of lines) expect(msg).toMatch(/^waiting for kafka: .*127\.0\.0\.1:9$/)
    await log.close()
  })
})
