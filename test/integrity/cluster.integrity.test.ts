/**
 * Guards against a cluster that is only as good as its worst broker: topics that are on one alone, a client that knows no
 * other, a group that ends with its coordinator, and records that were acknowledged and went with the broker.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventLog } from '../../services/platform/event-log/port.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { kafkaClient } from '../stack/kafka-client.ts'
import { type Found, judge, summary } from './history.ts'
import { wholeRun } from './kill-campaign.ts'
import { type Members, startMembers } from './members.ts'
import { openTestLog } from './newer-writer.ts'
import type { ServiceName } from './process-plan.ts'
import { progressOf } from './progress.ts'
import { type Recordings, recordSystems } from './recordings.ts'
import { type ClusteredServers, startClusteredServers } from './servers.ts'
import { FULL, SEED, scratchDirectory } from './tier.ts'
import { until } from './until.ts'

const OUTAGE_MS = FULL ? 60_000 : 5_000
/** So slow that the recordings outlast the outages. */
const SPEED = FULL ? 10 : 6
const FLEET: readonly ServiceName[] = ['monitor', 'sink', 'forecast', 'windows', 'ingest']

let directory: string
let recordings: Recordings
let whole: Found
let servers: ClusteredServers
let members: Members
let log: EventLog

beforeAll(async () => {
  directory = scratchDirectory('cluster')
  recordings = await recordSystems({
    directory: join(directory, 'recordings'),
    seed: SEED + 6,
    start: Date.UTC(2026, 2, 10, 23, 10),
    minutes: FULL ? 150 : 75,
    pollSeconds: 120,
  })
  whole = await wholeRun(recordings, join(directory, 'whole'))
  servers = await startClusteredServers()
  log = openTestLog(servers.cluster.brokers)
}, 1_800_000)

afterAll(async () => {
  await members?.killAll()
  await log?.close()
  await servers?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** Of each topic: replicas and those in sync of each partition, and how many must be in sync. */
async function topicFacts(): Promise<{ replicas: number[]; inSync: number[]; least: string[] }> {
  const admin = kafkaClient(servers.cluster.brokers, { retry: { retries: 20, maxRetryTime: 1_000 } }).admin()
  await admin.connect()
  try {
    const names = Object.values(TOPICS)
    const { topics } = await admin.fetchTopicMetadata({ topics: names })
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name,
        configNames: ['min.insync.replicas'],
      })),
    })
    const partitions = topics.flatMap((topic) => topic.partitions)
    return {
      replicas: partitions.map(({ replicas }) => replicas.length),
      inSync: partitions.map(({ isr }) => isr.length),
      least: resources.map(({ configEntries }) => configEntries[0]!.configValue),
    }
  } finally {
    await admin.disconnect()
  }
}

test(
  `each of three brokers in turn killed for ${OUTAGE_MS / 1000} s and started again: work goes on without it, no process ends, and what they leave is whole (seed ${SEED})`,
  async () => {
    members = startMembers({ recordings, servers, data: join(directory, 'data') })
    const progress = progressOf({ log, members })
    for (const service of FLEET) {
      await members.start(service, service === 'ingest' ? { speed: SPEED } : {}).process.started
    }
    const { replicas, least } = await topicFacts()
    expect(new Set(replicas)).toEqual(new Set([3]))
    expect(new Set(least)).toEqual(new Set(['2']))
    for (const [place, node] of servers.cluster.nodes.entries()) {
      const which = `broker ${place + 1} of three`
      await progress.workGoesOn(`before ${which} is killed`)
      await node.kill()
      await progress.workGoesOn(`without ${which}`)
      await sleep(OUTAGE_MS)
      await progress.workGoesOn(`still without ${which}`)
      expect(node.running).toBe(false)
      await node.restart()
      await until(`${which} is in sync again`, async () =>
        (await topicFacts()).inSync.every((count) => count === 3),
      )
    }
    await progress.workGoesOn('with all three brokers')
    const found = await members.hurry(join(directory, 'found'))
    expect(summary(judge({ sent: recordings.sent, found, reference: whole.contents }))).toEqual({})
  },
  FULL ? 2_400_000 : 1_800_000,
)
