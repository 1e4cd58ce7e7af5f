import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assignPartitions } from '../../../services/platform/event-log/assign-partitions.ts'

const members = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 })
const counts = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 40 }), { minKeys: 1 })

describe('an assignment of partitions', () => {
  test('gives every partition exactly one owner', () => {
    fc.assert(
      fc.property(members, counts, (ids, partitions) => {
        const owned = [...assign(ids, partitions).values()].flat().map((p) => `${p.topic}/${p.partition}`)
        const all = Object.entries(partitions).flatMap(([topic, count]) =>
          Array.from({ length: count }, (_, partition) => `${topic}/${partition}`),
        )
        expect(owned.sort()).toEqual(all.sort())
      }),
    )
  })

  test('gives one partition number of all topics to one member, and no member more than one partition above another', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 1, max: 40 }), (ids, count) => {
        const assignment = [...assign(ids, { a: count, b: count }).values()]
        for (const owned of assignment) {
          const numbers = (topic: string) => owned.filter((p) => p.topic === topic).map((p) => p.partition)
          expect(numbers('a')).toEqual(numbers('b'))
        }
        const sizes = assignment.map((owned) => owned.length / 2)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('does not depend on the order in which members are known', () => {
    fc.assert(
      fc.property(members, counts, (ids, partitions) => {
        const forwards = assign(ids, partitions)
        const backwards = assign([...ids].reverse(), partitions)
        for (const id of ids) expect(backwards.get(id)).toEqual(forwards.get(id))
      }),
    )
  })

  test('gives a topic only to members that subscribe to it', () => {
    const assignment = assignPartitions({
      members: new Map([
        ['one', ['a']],
        ['two', ['a', 'b']],
      ]),
      partitions: new Map([
        ['a', 2],
        ['b', 2],
        ['c', 2],
      ]),
    })
    expect(assignment.get('one')).toEqual([{ topic: 'a', partition: 0 }])
    expect(assignment.get('two')).toEqual([
      { topic: 'a', partition: 1 },
      { topic: 'b', partition: 0 },
      { topic: 'b', partition: 1 },
    ])
  })
})

function assign(ids: string[], partitions: Record<string, number>) {
  return assignPartitions({
    members: new Map(ids.map((id) => [id, Object.keys(partitions)])),
    partitions: new Map(Object.entries(partitions)),
  })
}
