import { Storage } from '@google-cloud/storage'
import pino from 'pino'
import { describe, expect, inject, test } from 'vitest'
import { HOUR_MS } from '../../services/domain/bin.ts'
import { ARTEFACT_NAMES } from '../../services/monitor/artefact-schemas.ts'
import { rebuildArtefacts } from '../../services/monitor/rebuild.ts'
import { systemClock } from '../../services/platform/clock.ts'
import { openKafkaLog } from '../../services/platform/event-log/kafka.ts'
import { openGcsStore } from '../../services/platform/object-store/gcs.ts'
import { openConfluentRegistry } from '../../services/platform/schema-registry/confluent.ts'
import { CITY_START, cityPolls, faults } from '../monitor/city.ts'
import { contents, openWorld, publishPolls, runToEnd, writeParquet } from '../monitor/platform.ts'

const brokers = inject('kafkaBrokers')
const url = inject('registryUrl')
const apiEndpoint = inject('gcsEndpoint')
const system = `monitored-${process.pid}`
const end = CITY_START + 6 * HOUR_MS
const polls = faults.gap(
  CITY_START + 3 * HOUR_MS,
  CITY_START + 4 * HOUR_MS,
)(cityPolls({ days: 0.25, stations: 20, system }))

describe.skipIf(!brokers || !url || !apiEndpoint)(
  'the monitor on Kafka, a registry and GCS (skipped where one could not be started)',
  () => {
    test('gives what it gives in one process, stopped in the middle or not, and what parquet gives', async () => {
      const embedded = await openWorld({ systems: [system] })
      await publishPolls(embedded.platform, polls)
      await (await runToEnd(embedded.platform)).close()
      const expected = await contents(embedded.platform.objects, `${system}/monitoring/data/`)
      await embedded.close()

      const bucket = `velocast-monitor-${process.pid}`
      await new Storage({ apiEndpoint: apiEndpoint!, projectId: 'test' }).createBucket(bucket)
      const world = await openWorld({
        systems: [system],
        adapters: {
          log: openKafkaLog({
            brokers: brokers!,
            clientId: 'velocast-monitor',
            sessionTimeoutMs: 6_000,
            replication: 1,
            clock: systemClock,
            logger: pino({ level: 'silent' }),
          }),
          registry: openConfluentRegistry({ url: url! }),
          objects: openGcsStore({ bucket, apiEndpoint }),
        },
      })
      try {
        await publishPolls(world.platform, polls.slice(0, 31))
        const first = await runToEnd(world.platform, { finish: false })
        await first.drain(new AbortController().signal)
        await first.close()
        await publishPolls(world.platform, polls.slice(31))
        await writeParquet(world.platform.objects, polls, 0)
        const second = await runToEnd(world.platform)
        await second.close()
        const streamed = await contents(world.platform.objects, `${system}/monitoring/data/`)
        const withoutForecasts = ARTEFACT_NAMES.filter((name) => !name.startsWith('performance/'))
        expect(streamed.size).toBe(withoutForecasts.length)
        expect(streamed).toEqual(expected)
        const rebuilt = await rebuildArtefacts({ platform: world.platform, system, end })
        expect(new Map(rebuilt.map(({ path, bytes }) => [path, bytes.toString()]))).toEqual(streamed)
      } finally {
        await world.close()
      }
    }, 110_000)
  },
)
