import { assignPartitions } from '../assign-partitions.ts'
import type { Member } from './member.ts'
import type { Storage } from './storage.ts'

/**
 * The members of one consumer group in this process. Rebalances eagerly: whenever one joins or leaves, all get a new
 * epoch and their partitions anew; what was handled under the old epoch can't be committed any more.
 */
export class Group {
  readonly #name: string
  readonly #storage: Storage
  readonly #members = new Map<string, Member>()

  constructor(name: string, storage: Storage) {
    this.#name = name
    this.#storage = storage
  }

  join(member: Member): void {
    this.#members.set(member.id, member)
    this.#rebalance()
  }

  leave(member: Member): void {
    if (this.#members.delete(member.id)) this.#rebalance()
  }

  #rebalance(): void {
    if (this.#members.size === 0) return
    const epoch = this.#storage.nextEpoch(this.#name)
    const topics = new Map([...this.#members].map(([id, member]) => [id, member.topics]))
    const assignment = assignPartitions({
      members: topics,
      partitions: new Map(
        [...new Set([...topics.values()].flat())].map((name) => [
          name,
          this.#storage.topics.get(name)!.partitions.length,
        ]),
      ),
    })
    for (const [id, member] of this.#members) {
      member.assign(
        epoch,
        assignment
          .get(id)!
          .map(({ topic, partition }) => this.#storage.topics.get(topic)!.partitions[partition]!),
      )
    }
  }
}
