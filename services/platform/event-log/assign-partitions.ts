import type { TopicPartition } from './port.ts'

export interface AssignOptions {
  /** Member id → topics it subscribes to. */
  members: ReadonlyMap<string, readonly string[]>
  /** Topic → number of partitions. */
  partitions: ReadonlyMap<string, number>
}

/**
 * Spreads partitions over the members of a group: partition p of every topic goes to member p mod n, members sorted
 * by id. Members with the same topics so own the same partition numbers in each: a system has one owner in a service.
 * Every partition of a subscribed topic has exactly one owner.
 */
export function assignPartitions({ members, partitions }: AssignOptions): Map<string, TopicPartition[]> {
  const assignment = new Map<string, TopicPartition[]>([...members.keys()].map((member) => [member, []]))
  for (const [topic, count] of partitions) {
    const owners = [...members.keys()].filter((member) => members.get(member)!.includes(topic)).sort()
    if (owners.length === 0) continue
    for (let partition = 0; partition < count; partition++) {
      assignment.get(owners[partition % owners.length]!)!.push({ topic, partition })
    }
  }
  return assignment
}
