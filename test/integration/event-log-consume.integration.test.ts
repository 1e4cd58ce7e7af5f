import pino from 'pino'
import { describe, inject } from 'vitest'
import { systemClock } from '../../services/platform/clock.ts'
import { openKafkaLog } from '../../services/platform/event-log/kafka.ts'
import { openConfluentRegistry } from '../../services/platform/schema-registry/confluent.ts'
import { describeConsume } from '../platform/event-log/consume.conformance.ts'

const brokers = inject('kafkaBrokers')
const url = inject('registryUrl')

describe.skipIf(!brokers || !url)(
  'with Kafka and a registry (skipped where one could not be started)',
  () => {
    describeConsume('kafka and a schema registry', async () => ({
      log: openKafkaLog({
        brokers: brokers ?? [],
        clientId: 'velocast-consume',
        sessionTimeoutMs: 6_000,
        replication: 1,
        clock: systemClock,
        logger: pino({ level: 'silent' }),
      }),
      registry: openConfluentRegistry({ url: url ?? '' }),
      cleanUp: async () => {},
    }))
  },
)
