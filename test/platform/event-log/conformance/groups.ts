import { expect, test, vi } from 'vitest'
import { VelocastError } from '../../../../services/platform/errors.ts'
import { partitionOf } from '../../../../services/platform/event-log/partitioner.ts'
import type { Assignment, EventLog } from '../../../../services/platform/event-log/port.ts'
import { collect, readAll } from './collect.ts'
import {
  committedOf,
  ends,
  makeTopic,
  PARTITIONS,
  PATIENCE,
  systemRecords,
  unique,
  type World,
} from './world.ts'

/** What groups, epochs, commits and positions promise. */
export function groupLaws(world: World): void {
  test('a group goes on where it committed, also after the world.log was closed and opened again', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 30))
    const group = unique('group')
    const first = await collect(world.log, { group, topics: [topic], maxBatchRecords: 10, stopAfter: 20 })
    await first.done
    expect(committedOf(await world.log.lag(group, [topic]))).toBe(20)
    await world.log.close()

    world.log = world.openLog()
    await world.log.publish(topic, systemRecords('velib', 30, 5))
    const second = await collect(world.log, { group, topics: [topic], stopAfter: 15 })
    await second.done
    expect(second.keys()).toEqual(systemRecords('velib', 20, 15).map(({ key }) => key))
  })

  test('epochs of a group only grow, and the committed position comes with each', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 3))
    const group = unique('group')
    const epochs: number[] = []
    const assignments: Assignment[] = []
    for (let round = 0; round < 3; round++) {
      const run = await collect(world.log, {
        group,
        topics: [topic],
        maxBatchRecords: 1,
        stopAfter: 1,
        assigned: async (assignment) => {
          assignments.push(assignment)
          epochs.push(assignment.epoch)
          return undefined
        },
      })
      await run.done
      await world.log.close()
      world.log = world.openLog()
    }
    expect(epochs.length).toBeGreaterThanOrEqual(3)
    expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b))
    const partition = partitionOf('velib', PARTITIONS)
    const committed = assignments.map(
      ({ partitions }) => partitions.find((candidate) => candidate.partition === partition)!.committed,
    )
    expect(committed[0]).toBeNull()
    expect(committed.at(-1)).toBe(2)
    expect(assignments[0]!.partitions).toHaveLength(PARTITIONS)
  })

  test('a commit of an epoch that has ended is refused and changes nothing', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 10))
    const group = unique('group')
    const partition = partitionOf('velib', PARTITIONS)
    const first = await collect(world.log, {
      group,
      topics: [topic],
      commit: false,
      stopAfter: Number.POSITIVE_INFINITY,
    })
    await vi.waitFor(() => expect(first.keys()).toHaveLength(10), PATIENCE)
    const [epoch] = first.epochs
    const second = await collect(world.openPeer(), { group, topics: [topic], commit: false })
    await vi.waitFor(
      () => expect(new Set([...first.epochs, ...second.epochs]).size).toBeGreaterThan(1),
      PATIENCE,
    )
    await vi.waitFor(() => expect(first.assignments.length).toBeGreaterThan(1), PATIENCE)
    await expect(first.subscription.commit(epoch!, [{ topic, partition, offset: 10 }])).rejects.toMatchObject(
      {
        code: 'log_stale_epoch',
      },
    )
    expect(committedOf(await world.log.lag(group, [topic]))).toBe(0)
    await second.subscription.close()
    await first.subscription.close()
  })

  test('a commit never moves back within an epoch, and is refused for a partition that is not owned', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 10))
    const group = unique('group')
    const partition = partitionOf('velib', PARTITIONS)
    const run = await collect(world.log, { group, topics: [topic], commit: false })
    await vi.waitFor(() => expect(run.keys()).toHaveLength(10), PATIENCE)
    const [epoch] = run.epochs
    await run.subscription.commit(epoch!, [{ topic, partition, offset: 8 }])
    await run.subscription.commit(epoch!, [{ topic, partition, offset: 3 }])
    expect(committedOf(await world.log.lag(group, [topic]))).toBe(8)
    await expect(
      run.subscription.commit(epoch!, [{ topic, partition: PARTITIONS + 1, offset: 1 }]),
    ).rejects.toMatchObject({ code: 'log_stale_epoch' })
    await run.subscription.close()
    await expect(run.subscription.commit(epoch!, [{ topic, partition, offset: 9 }])).rejects.toMatchObject({
      code: 'log_stale_epoch',
    })
  })

  test('positions that the assignment returns come before committed ones', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 10))
    const partition = partitionOf('velib', PARTITIONS)
    const run = await collect(world.log, {
      group: unique('group'),
      topics: [topic],
      stopAfter: 4,
      assigned: async () => [{ topic, partition, offset: 6 }],
    })
    await run.done
    expect(run.keys()).toEqual(systemRecords('velib', 6, 4).map(({ key }) => key))
  })

  test('a position that the world.log does not have, as after it was made anew, reads all that is there', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 3))
    const partition = partitionOf('velib', PARTITIONS)
    const group = unique('group')
    const run = await collect(world.log, {
      group,
      topics: [topic],
      stopAfter: 3,
      assigned: async () => [{ topic, partition, offset: 1_000 }],
    })
    await run.done
    expect(run.keys()).toEqual(['velib/0', 'velib/1', 'velib/2'])
    expect(committedOf(await world.log.lag(group, [topic]))).toBe(3)
  })

  test('an assignment that fails for the moment is tried again before any batch', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 2))
    const order: string[] = []
    const subscription = await world.log.subscribe({
      group: unique('group'),
      topics: [topic],
      async assigned() {
        order.push('assigned')
        if (order.length < 3) {
          throw new VelocastError({ code: 'store_unreachable', retryable: true, message: 'store is away' })
        }
        return undefined
      },
      async batch() {
        order.push('batch')
      },
    })
    await vi.waitFor(() => expect(order).toEqual(['assigned', 'assigned', 'assigned', 'batch']), PATIENCE)
    await subscription.close()
  })

  test('transient readers of one name read all side by side, with no trace in the commits', async () => {
    const topic = await makeTopic(world.log)
    const systems = ['velib', 'docomo', 'baywheels', 'nice-ride']
    for (const system of systems) await world.log.publish(topic, systemRecords(system, 0, 5))
    const group = unique('group')
    const member = await collect(world.log, { group, topics: [topic], stopAfter: 20 })
    await member.done
    const before = await world.log.lag(group, [topic])
    const reader = (on: EventLog) => collect(on, { group, topics: [topic], transient: true, commit: false })
    const readers = [await reader(world.log), await reader(world.openPeer())]
    for (const { keys, assignments } of readers) {
      await vi.waitFor(() => expect(keys().toSorted()).toHaveLength(20), PATIENCE)
      expect(assignments[0]!.partitions).toHaveLength(PARTITIONS)
      expect(assignments[0]!.partitions.every(({ committed }) => committed === null)).toBe(true)
    }
    for (const { subscription } of readers) await subscription.close()
    expect(await world.log.lag(group, [topic])).toEqual(before)
  })

  test('a new group begins at the earliest record, or at the end when it asks for the latest', async () => {
    const topic = await makeTopic(world.log)
    await world.log.publish(topic, systemRecords('velib', 0, 5))
    const assigned: Assignment[] = []
    const latest = await collect(world.log, {
      group: unique('group'),
      topics: [topic],
      from: 'latest',
      assigned: async (assignment) => {
        assigned.push(assignment)
        return undefined
      },
    })
    await vi.waitFor(() => expect(assigned).toHaveLength(1), PATIENCE)
    await latest.subscription.positions()
    await world.log.publish(topic, systemRecords('velib', 5, 2))
    await vi.waitFor(() => expect(latest.keys()).toEqual(['velib/5', 'velib/6']), PATIENCE)
    await latest.subscription.close()
    expect((await readAll(world.log, topic, 7)).map(({ key }) => key)).toEqual(
      systemRecords('velib', 0, 7).map(({ key }) => key),
    )
  })

  test('members that join and leave lose no record and share partitions without overlap', async () => {
    const topic = await makeTopic(world.log)
    const other = await makeTopic(world.log)
    const group = unique('group')
    const topics = [topic, other]
    const systems = Array.from({ length: 12 }, (_, n) => `system-${n}`)
    const seen = new Set<string>()
    let published = 0
    const publishMore = async (): Promise<void> => {
      for (const system of systems) {
        await world.log.publish(topic, systemRecords(system, published, 5))
        await world.log.publish(other, systemRecords(`${system}-other`, published, 5))
      }
      published += 5
    }
    const member = (on: EventLog) =>
      collect(on, { group, topics, maxBatchRecords: 7, onKey: (key) => seen.add(key) })
    await publishMore()
    const first = await member(world.log)
    await publishMore()
    const second = await member(world.openPeer())
    await publishMore()
    await vi.waitFor(() => {
      const [mine, theirs] = [first.assignments.at(-1)!, second.assignments.at(-1)!]
      const names = [mine, theirs].map(({ partitions }) => partitions.map((p) => `${p.topic}/${p.partition}`))
      expect(names[0]!.length + names[1]!.length).toBe(2 * PARTITIONS)
      expect(new Set(names.flat()).size).toBe(2 * PARTITIONS)
      const owned = (assignment: Assignment, name: string): number[] =>
        assignment.partitions
          .filter((p) => p.topic === name)
          .map((p) => p.partition)
          .sort()
      expect(owned(mine, topic)).toEqual(owned(mine, other))
    }, PATIENCE)
    await publishMore()
    await first.subscription.close()
    await publishMore()
    await vi.waitFor(() => expect(seen.size).toBe(published * systems.length * 2), PATIENCE)
    await vi.waitFor(async () => {
      const lag = await world.log.lag(group, topics)
      expect(committedOf(lag)).toBe(ends(lag))
    }, PATIENCE)
    await second.subscription.close()
  })
}
