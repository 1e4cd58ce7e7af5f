import { expect, test, vi } from 'vitest'
import { partitionOf } from '../../../../services/platform/event-log/partitioner.ts'
import type { Batch, Subscription } from '../../../../services/platform/event-log/port.ts'
import { collect, readAll } from './collect.ts'
import {
  committedOf,
  ends,
  makeTopic,
  PARTITIONS,
  PATIENCE,
  pass,
  systemRecords,
  unique,
  type World,
} from './world.ts'

/** What is kept, how it is found, and how it ends. */
export function keepingLaws(world: World): void {
  test('lag and positions tell what is handled, committed and there', async () => {
    const topic = await makeTopic(world.log)
    const group = unique('group')
    expect(
      (await world.log.lag(group, [topic])).map(({ partition, committed, end }) => [
        partition,
        committed,
        end,
      ]),
    ).toEqual(Array.from({ length: PARTITIONS }, (_, partition) => [partition, null, 0]))
    await world.log.publish(topic, systemRecords('velib', 0, 9))
    const run = await collect(world.log, { group, topics: [topic], commit: false })
    await vi.waitFor(() => expect(run.keys()).toHaveLength(9), PATIENCE)
    await vi.waitFor(async () => {
      const positions = await run.subscription.positions()
      expect(positions).toHaveLength(PARTITIONS)
      expect(positions.map(({ offset, end }) => end - offset)).toEqual(Array(PARTITIONS).fill(0))
      expect(positions.reduce((total, { offset }) => total + offset, 0)).toBe(9)
    }, PATIENCE)
    const lag = await world.log.lag(group, [topic])
    expect([committedOf(lag), ends(lag)]).toEqual([0, 9])
    await run.subscription.close()
  })

  test('append times never go back, and offsetsAt finds by them', async () => {
    const topic = await makeTopic(world.log)
    const partition = partitionOf('velib', PARTITIONS)
    await world.log.publish(topic, systemRecords('velib', 0, 4))
    await pass(world.harness, 50)
    await world.log.publish(topic, systemRecords('velib', 4, 4))
    const records = await readAll(world.log, topic, 8)
    const times = records.map(({ appended }) => appended)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times[3]).toBeLessThan(times[4]!)
    const at = async (appended: number): Promise<number> =>
      (await world.log.offsetsAt(topic, appended)).find((position) => position.partition === partition)!
        .offset
    expect([await at(0), await at(times[0]!), await at(times[0]! + 1), await at(times[4]!)]).toEqual([
      0, 0, 4, 4,
    ])
    expect(await at(times[7]! + 3_600_000)).toBe(8)
    expect(await world.log.offsetsAt(topic, 0)).toHaveLength(PARTITIONS)
  })

  test('close waits for the running batch, tells it to stop, lets it commit, and may be called again', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 1))
    const group = unique('group')
    const order: string[] = []
    const begun = Promise.withResolvers<Batch>()
    const subscription: Subscription = await world.log.subscribe({
      group,
      topics: [topic],
      async batch(batch) {
        begun.resolve(batch)
        await new Promise((resolve) => batch.signal.addEventListener('abort', resolve, { once: true }))
        await subscription.commit(batch.epoch, [{ topic, partition: batch.partition, offset: 1 }])
        order.push('handled')
      },
    })
    await begun.promise
    const closing = subscription.close().then(() => order.push('closed'))
    await Promise.all([closing, subscription.close()])
    expect(order).toEqual(['handled', 'closed'])
    expect(committedOf(await world.log.lag(group, [topic]))).toBe(1)
    await world.log.close()
    await world.log.close()
  })

  test('a compacted topic keeps the newest record of every key', async (context) => {
    if (!world.harness.capabilities.compaction) context.skip('compaction runs when the broker sees fit')
    const topic = await makeTopic(world.log, { compacted: true, retentionMs: null })
    for (let round = 0; round < 3; round++) {
      await world.log.publish(
        topic,
        systemRecords('velib', 0, 5).map((r) => ({ ...r, value: Buffer.from([round]) })),
      )
    }
    const seen = await readAll(world.log, topic, 5)
    expect(seen.map(({ key, offset, value }) => [key, offset, value?.[0]])).toEqual(
      systemRecords('velib', 0, 5).map(({ key }, n) => [key, 10 + n, 2]),
    )
  })

  test('retention deletes by append time and never past the commit of a group', async (context) => {
    if (!world.harness.capabilities.retention) context.skip('retention runs when the broker sees fit')
    const topic = await makeTopic(world.log, { retentionMs: 3_600_000 })
    const partition = partitionOf('velib', PARTITIONS)
    const first = async (): Promise<number> =>
      (await world.log.offsetsAt(topic, 0)).find((position) => position.partition === partition)!.offset
    await world.log.publish(topic, systemRecords('velib', 0, 10))
    const group = unique('group')
    const run = await collect(world.log, { group, topics: [topic], maxBatchRecords: 4, stopAfter: 4 })
    await run.done
    world.harness.advance!(2 * 3_600_000)
    await world.log.publish(topic, systemRecords('velib', 10, 1))
    expect(await first()).toBe(4)
    const rest = await collect(world.log, { group, topics: [topic], stopAfter: 7 })
    await rest.done
    world.harness.advance!(120_000)
    await world.log.publish(topic, systemRecords('velib', 11, 1))
    expect(await first()).toBe(10)
  })
}
