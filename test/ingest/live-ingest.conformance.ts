import pino from 'pino'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AssembledPoll, PollAssembler } from '../../services/domain/poll-assembly.ts'
import { createIngestService } from '../../services/ingest/service.ts'
import { configSchema } from '../../services/platform/config.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { consume } from '../../services/platform/event-log/consume.ts'
import type { EventLog } from '../../services/platform/event-log/port.ts'
import type { SchemaRegistryPort } from '../../services/platform/schema-registry/port.ts'
import { TOPICS, topicSpecs } from '../../services/platform/topics.ts'
import { type FeedServer, sendJson, startFeedServer } from './feed-server.ts'
import { ManualClock } from './manual-clock.ts'
import { memoryStore } from './recording-platform.ts'

export interface LiveIngestSetup {
  log: EventLog
  registry: SchemaRegistryPort
  cleanUp: () => Promise<void>
}

const NOW = Date.UTC(2024, 10, 5, 8, 0, 30)
const STATIONS = 1_500

/** Live polls of a local feed, read back from a real log through the codec as every consumer reads them. */
export function describeLiveIngest(name: string, factory: () => Promise<LiveIngestSetup>): void {
  describe(`live ingest on ${name}`, () => {
    let server: FeedServer
    let setup: LiveIngestSetup
    beforeEach(async () => {
      server = await startFeedServer()
      setup = await factory()
    })
    afterEach(async () => {
      await setup.log.close()
      await setup.cleanUp()
      await server.close()
    })

    test('every poll arrives whole, in order and described, and a bad station in the dead letters', async () => {
      const clock = new ManualClock(NOW)
      const system = `live-${process.pid}-${Math.trunc(performance.now())}`
      const stations = (bikes: number) => [
        { station_id: 'bad', num_bikes_available: -1 },
        ...Array.from({ length: STATIONS }, (_, index) => ({
          station_id: 20_702_783_000 + index,
          num_bikes_available: bikes,
          num_docks_available: 9,
        })),
      ]
      server.serve('/station_information.json', {
        data: {
          stations: stations(0).map(({ station_id }) => ({
            station_id,
            name: `N${station_id}`,
            capacity: 9,
          })),
        },
      })
      server.serve('/station_status.json', (_, response) =>
        sendJson(response, {
          last_updated: clock.now() / 1000,
          data: { stations: stations(clock.now() === NOW ? 3 : 4) },
        }),
      )
      const config = configSchema.parse({
        systems: [
          {
            id: system,
            status_url: `${server.url}/station_status.json`,
            information_url: `${server.url}/station_information.json`,
          },
        ],
      })
      const { log, registry } = setup
      const codec = createCodec({ registry })
      await codec.register()
      await log.ensureTopics(topicSpecs({ partitions: 3 }))
      const platform = {
        config,
        clock,
        logger: pino({ level: 'silent' }),
        metrics: new Registry(),
        log,
        codec,
        objects: memoryStore(),
      }
      const service = createIngestService(platform)
      await service.start()
      await clock.settled()
      clock.advance(60_000)
      await clock.settled()
      await service.drain(new AbortController().signal)

      const polls: AssembledPoll[] = []
      const assemblers = new Map<number, PollAssembler>()
      const letters: string[] = []
      const pollsCame = Promise.withResolvers<void>()
      const lettersCame = Promise.withResolvers<void>()
      const subscription = await consume({
        platform,
        service: 'test',
        group: system,
        topics: [TOPICS.status],
        batch: async ({ partition, records }) => {
          const assembler = assemblers.get(partition) ?? new PollAssembler()
          assemblers.set(partition, assembler)
          for (const { record, decoded } of records) {
            if (decoded.value.system !== system) continue
            if (decoded.name === 'StationObservation') assembler.addObservation(record.offset, decoded.value)
            if (decoded.name === 'PollRecord')
              polls.push(...assembler.addPollRecord(record.offset, decoded.value))
          }
          if (polls.length >= 2) pollsCame.resolve()
        },
      })
      const letterSubscription = await log.subscribe({
        group: `${system}-letters`,
        topics: [TOPICS.deadLetters],
        batch: async ({ records }) => {
          for (const { key, headers } of records) {
            if (key === `${system}/bad`) letters.push(String(headers.dl_code))
          }
          if (letters.length >= 2) lettersCame.resolve()
        },
      })
      await Promise.all([pollsCame.promise, lettersCame.promise])
      await subscription.close()
      await letterSubscription.close()
      await service.close()

      expect(
        polls.map(({ complete, observations, poll }) => [complete, observations.length, poll?.refused]),
      ).toEqual([
        [true, STATIONS, { count_negative: 1 }],
        [true, STATIONS, { count_negative: 1 }],
      ])
      expect(polls.map(({ observations }) => observations[0]?.bikes)).toEqual([3, 4])
      expect(polls[0]?.observations[7]).toMatchObject({
        station_id: '20702783007',
        name: 'N20702783007',
        capacity: 9,
        ts_utc: NOW,
        poll_index: 7,
        poll_count: STATIONS,
      })
      expect(letters).toEqual(['count_negative', 'count_negative'])
    })
  })
}
