import { levelCounts } from './level-counts.ts'
import { motion } from './motion.ts'
import { names } from './names.ts'
import { pollDeliveries } from './poll-deliveries.ts'
import { pollLatency } from './poll-latency.ts'
import { pollOutcomes } from './poll-outcomes.ts'
import { pollTimeline } from './poll-timeline.ts'
import { reportingAge } from './reporting-age.ts'
import { values } from './values.ts'

/** Aggregates over the final rows of closed bins. A new monitoring page adds its file and one line here. */
export const ROW_AGGREGATES = { motion, names, values, levelCounts, reportingAge } as const

/** Aggregates over poll records. */
export const POLL_AGGREGATES = { pollOutcomes, pollTimeline, pollDeliveries, pollLatency } as const
