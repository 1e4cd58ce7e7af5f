import kafkajs, { type Kafka, type KafkaConfig } from 'kafkajs'
import { mendRequestTimeouts } from '../../services/platform/event-log/kafka/mend-timeouts.ts'

/** The tests' own way to a broker, silent and mended as the event log's is: every kafkajs client of a test is made here. */
export function kafkaClient(brokers: string[], more: Partial<KafkaConfig> = {}): Kafka {
  mendRequestTimeouts()
  return new kafkajs.Kafka({
    clientId: 'velocast-test',
    brokers,
    logLevel: kafkajs.logLevel.NOTHING,
    ...more,
  })
}
