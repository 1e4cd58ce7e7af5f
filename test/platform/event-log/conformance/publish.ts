import { expect, test } from 'vitest'
import { partitionOf } from '../../../../services/platform/event-log/partitioner.ts'
import type { OutgoingRecord } from '../../../../services/platform/event-log/port.ts'
import { readAll } from './collect.ts'
import { ends, makeTopic, PARTITIONS, record, specOf, unique, type World } from './world.ts'

/** What `publish` and topics promise. */
export function publishLaws(world: World): void {
  test('topics are made once and stay as they are', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, [record('velib', 1)])
    await world.log.ensureTopics([specOf(topic, { partitions: PARTITIONS + 3 })])
    expect(await world.log.offsetsAt(topic, 0)).toHaveLength(PARTITIONS)
    expect(ends(await world.log.lag(unique('group'), [topic]))).toBe(1)
  })

  test('a topic that does not exist is refused by name', async () => {
    const topic = unique('absent')
    const options = { group: unique('group'), topics: [topic], batch: async () => {} }
    for (const use of [
      () => world.log.publish(topic, [record('velib', 1)]),
      () => world.log.subscribe(options),
      () => world.log.lag('anyone', [topic]),
      () => world.log.offsetsAt(topic, 0),
    ]) {
      await expect(use()).rejects.toMatchObject({
        code: 'log_topic_missing',
        retryable: false,
        message: expect.stringContaining(topic),
      })
    }
  })

  test('a publish gives each record its own position, in the partition that its partition key has in Kafka', async () => {
    const topic = await makeTopic(world.log)
    const records = ['velib', 'docomo', 'velib', 'baywheels', 'docomo'].map((system, n) => record(system, n))
    const first = await world.log.publish(topic, records)
    const second = await world.log.publish(topic, records)
    const next = new Map<number, number>()
    for (const [index, position] of [...first, ...second].entries()) {
      const partition = partitionOf(records[index % records.length]!.partitionKey, PARTITIONS)
      const offset = next.get(partition) ?? 0
      expect(position).toEqual({ topic, partition, offset })
      next.set(partition, offset + 1)
    }
  })

  test('records come back whole and in the order of their partition key', async () => {
    const topic = await makeTopic(world.log)
    const systems = ['velib', 'docomo', 'baywheels']
    const published: OutgoingRecord[] = []
    for (let poll = 0; poll < 20; poll++) {
      for (const system of systems) {
        const records = Array.from({ length: 7 }, (_, n) => record(system, poll * 7 + n))
        published.push(...records)
        await world.log.publish(topic, records)
      }
    }
    const seen = await readAll(world.log, topic, published.length)
    for (const system of systems) {
      const mine = (candidate: { key: string | null }): boolean => candidate.key!.startsWith(`${system}/`)
      expect(seen.filter(mine).map(({ key, value, headers }) => ({ key, value, headers }))).toEqual(
        published.filter(mine).map(({ key, value, headers }) => ({ key, value, headers })),
      )
    }
  })

  test('publishes that run at once stand together each, in the order they were called', async () => {
    const topic = await makeTopic(world.log)
    const calls = Array.from({ length: 8 }, (_, call) =>
      Array.from({ length: 300 }, (_, n) => record('velib', call * 300 + n)),
    )
    const positions = (await Promise.all(calls.map((records) => world.log.publish(topic, records)))).flat()
    expect(positions.map(({ offset }) => offset)).toEqual(positions.map((_, index) => index))
  })

  test('null and empty values, keys in any script and records without headers come back as they were', async () => {
    const topic = await makeTopic(world.log)
    const records: OutgoingRecord[] = [
      { partitionKey: 'a', key: 'a/null', value: null },
      { partitionKey: 'a', key: 'a/empty', value: Buffer.alloc(0) },
      {
        partitionKey: 'a',
        key: 'a/Vélib’ 駅',
        value: Buffer.from([0, 255, 10]),
        headers: { ünï: 'çödé 駅' },
      },
    ]
    await world.log.publish(topic, records)
    const seen = await readAll(world.log, topic, 3)
    expect(seen.map(({ key, value, headers }) => ({ key, value, headers }))).toEqual(
      records.map(({ key, value, headers }) => ({ key, value, headers: headers ?? {} })),
    )
  })

  test('an oversized record is refused and nothing of its publish is appended', async () => {
    const topic = await makeTopic(world.log, { maxBytes: 65_536 })
    const oversized = { partitionKey: 'velib', key: 'velib/big', value: Buffer.alloc(65_536) }
    await expect(world.log.publish(topic, [record('velib', 1), oversized])).rejects.toMatchObject({
      code: 'log_record_oversized',
      retryable: false,
    })
    expect(ends(await world.log.lag(unique('group'), [topic]))).toBe(0)
    const large = { partitionKey: 'velib', key: 'velib/big', value: Buffer.alloc(60_000, 7) }
    await world.log.publish(topic, [large, large, large])
    expect((await readAll(world.log, topic, 3)).map(({ value }) => value?.equals(large.value))).toEqual([
      true,
      true,
      true,
    ])
  })
}
