import kafkajs, { type PartitionAssigner } from 'kafkajs'
import { assignPartitions } from '../assign-partitions.ts'

const NAME = 'velocast-by-partition'
const VERSION = 1

/**
 * Assigns by `assignPartitions`: the same partition numbers of every topic to one member. kafkajs asks for the protocol
 * at the start of every join, before the generation changes: the only notice there is that an epoch ends.
 */
export function partitionAssigner({ joining }: { joining: () => void }): PartitionAssigner {
  const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol
  const userData = Buffer.alloc(0)
  return ({ cluster }) => ({
    name: NAME,
    version: VERSION,
    async assign({ members, topics }) {
      const assignment = assignPartitions({
        members: new Map(
          members.map(({ memberId, memberMetadata }) => [
            memberId,
            MemberMetadata.decode(memberMetadata)?.topics ?? [],
          ]),
        ),
        partitions: new Map(topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).length])),
      })
      return [...assignment].map(([memberId, owned]) => {
        const byTopic: Record<string, number[]> = {}
        for (const { topic, partition } of owned) {
          byTopic[topic] ??= []
          byTopic[topic].push(partition)
        }
        return {
          memberId,
          memberAssignment: MemberAssignment.encode({ version: VERSION, assignment: byTopic, userData }),
        }
      })
    },
    protocol({ topics }) {
      joining()
      return { name: NAME, metadata: MemberMetadata.encode({ version: VERSION, topics, userData }) }
    },
  })
}
