/**
 * Guards against one system that holds up the others of its partition: a feed that is silent, or a recording that has
 * ended, while its last bin is still open.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { recordCity } from '../../services/ingest/simulator/record.ts'
import { partitionOf } from '../../services/platform/event-log/partitioner.ts'
import { configOf } from './kill-campaign.ts'
import { startPipeline } from './pipeline-run.ts'
import { type ServiceName, STEPS } from './process-plan.ts'
import { writeRecordings } from './recordings.ts'
import { SEED, scratchDirectory } from './tier.ts'

const PARTITIONS = 12
const HOUR = 3_600_000
const START = Date.UTC(2026, 2, 10, 12)
const directory = scratchDirectory('shared')

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('a recording goes on to its end when another in its partition has ended hours before', async () => {
  const ids = Array.from({ length: 60 }, (_, place) => `city-${place}`)
  const shared = ids.filter((id) => partitionOf(id, PARTITIONS) === partitionOf(ids[0]!, PARTITIONS))
  const cities = [1, 6].map((hours, place) => ({
    id: shared[place]!,
    timezone: 'UTC',
    polls: [
      ...recordCity({
        seed: SEED + place,
        stations: 20,
        start: START,
        end: START + hours * HOUR,
        pollSeconds: 150,
      }),
    ],
  }))
  const recordings = await writeRecordings(join(directory, 'recordings'), cities)
  const process = startPipeline({
    config: configOf(recordings, join(directory, 'data')),
    services: Object.keys(STEPS) as ServiceName[],
    recordings: recordings.systems,
  })
  const patience = setTimeout(() => process.child.kill('SIGKILL'), 60_000)
  const { code, signal } = await process.ended
  clearTimeout(patience)
  expect({ code, signal }).toEqual({ code: 0, signal: null })
}, 90_000)
