import type { TopicPartition } from '../port.ts'

/** One partition that a member has in an epoch. */
export interface Owned extends TopicPartition {
  /** Next offset to hand out. */
  next: number
  /** What the partition held as the epoch began: first offset, and the one after the last. */
  low: number
  high: number
  /** As the epoch began. */
  committed: number | null
  /** Commits below this are those of the past. */
  floor: number
  /** Redeliveries in a row. */
  failures: number
}

type CommitOffsets = (offsets: {
  topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
}) => Promise<void>

/** What a member owns from one join to the next. */
export class Tenure {
  readonly owned = new Map<string, Owned>()
  /** Aborts when the tenure is over or the subscription closes. */
  readonly stop = new AbortController()
  /** The group's generation; null until the broker has said it. */
  epoch: number | null = null
  /** True once `assigned` has run: batches may be handed out. */
  prepared = false
  /** True once a new join has begun or the broker has refused us: commits are refused. */
  over = false
  /** Commits once, under the generation of this tenure; known from the first batch on. */
  commitOnce: CommitOffsets | null = null

  constructor(assignment: Record<string, number[]>) {
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) {
        const offsets = { next: 0, low: 0, high: 0, committed: null, floor: 0 }
        this.owned.set(`${topic}/${partition}`, { topic, partition, ...offsets, failures: 0 })
      }
    }
  }

  get(topic: string, partition: number): Owned | undefined {
    return this.owned.get(`${topic}/${partition}`)
  }

  get topics(): string[] {
    return [...new Set([...this.owned.values()].map(({ topic }) => topic))]
  }

  /** In the form that kafkajs pauses and resumes by. */
  get partitions(): { topic: string; partitions: number[] }[] {
    return this.topics.map((topic) => ({
      topic,
      partitions: [...this.owned.values()]
        .filter((owned) => owned.topic === topic)
        .map(({ partition }) => partition),
    }))
  }

  end(): void {
    this.over = true
    this.stop.abort()
  }
}
