import { expect, test, vi } from 'vitest'
import { VelocastError } from '../../../../services/platform/errors.ts'
import { partitionOf } from '../../../../services/platform/event-log/partitioner.ts'
import { collect } from './collect.ts'
import { makeTopic, PARTITIONS, PATIENCE, systemRecords, unique, type World } from './world.ts'

/** What a handler may count on. */
export function deliveryLaws(world: World): void {
  test('a retryable failure brings the same records again while other partitions go on', async () => {
    const topic = await makeTopic(world.log)
    const [slow, quick] = ['velib', 'docomo'] as const
    expect(partitionOf(slow, PARTITIONS)).not.toBe(partitionOf(quick, PARTITIONS))
    await world.log.publish(topic, [...systemRecords(slow, 0, 5), ...systemRecords(quick, 0, 5)])
    const attempts: number[][] = []
    const quickKeys: string[] = []
    const subscription = await world.log.subscribe({
      group: unique('group'),
      topics: [topic],
      async batch({ partition, records }) {
        if (partition === partitionOf(quick, PARTITIONS)) {
          quickKeys.push(...records.map(({ key }) => key!))
          return
        }
        attempts.push(records.map(({ offset }) => offset))
        if (attempts.length < 3) {
          throw new VelocastError({ code: 'store_unreachable', retryable: true, message: 'store is away' })
        }
      },
    })
    await vi.waitFor(() => expect(attempts).toHaveLength(3), PATIENCE)
    expect(attempts).toEqual([attempts[0], attempts[0], attempts[0]])
    await vi.waitFor(() => expect(quickKeys).toHaveLength(5), PATIENCE)
    await vi.waitFor(async () => {
      const positions = await subscription.positions()
      expect(positions.every(({ offset, end }) => offset === end)).toBe(true)
    }, PATIENCE)
    await subscription.close()
  })

  test('a failure that no retry can mend ends the subscription and is told once', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 3))
    const failures: unknown[] = []
    let batches = 0
    const subscription = await world.log.subscribe({
      group: unique('group'),
      topics: [topic],
      async batch() {
        batches++
        throw new Error('a mistake in the handler')
      },
      failed: (error) => failures.push(error),
    })
    await vi.waitFor(() => expect(failures).toHaveLength(1), PATIENCE)
    expect(failures[0]).toMatchObject({ message: 'a mistake in the handler' })
    await world.log.publish(topic, systemRecords('velib', 3, 3))
    await subscription.close()
    expect(batches).toBe(1)
  })

  test('a batch holds one partition, in offset order, at most as many records as asked', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, [...systemRecords('velib', 0, 95), ...systemRecords('docomo', 0, 95)])
    const run = await collect(world.log, {
      group: unique('group'),
      topics: [topic],
      maxBatchRecords: 20,
      stopAfter: 190,
    })
    await run.done
    for (const batch of run.batches) {
      expect(batch.records.length).toBeLessThanOrEqual(20)
      expect(new Set(batch.records.map(({ partition }) => partition))).toEqual(new Set([batch.partition]))
      expect(batch.end).toBe(95)
    }
    const offsets = run.batches
      .filter(({ partition }) => partition === partitionOf('velib', PARTITIONS))
      .flatMap(({ records }) => records.map(({ offset }) => offset))
    expect(offsets).toEqual(Array.from({ length: 95 }, (_, offset) => offset))
  })
}
