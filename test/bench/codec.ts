import { join } from 'node:path'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { type Benchmark, quantile, rate, timed } from './benchmark.ts'
import { cityPolls, observationsOf } from './simulated-city.ts'

/** Avro with Confluent framing, one thread's processor time, records of a simulated city. */
export const codec: Benchmark = {
  name: 'codec',
  async run({ quick, directory }) {
    const avro = createCodec({ registry: openLocalRegistry({ directory: join(directory, 'schemas') }) })
    await avro.register()
    const observations = [...cityPolls({ polls: quick ? 4 : 20 })].flatMap(observationsOf)
    const encodeAll = (): Buffer[] =>
      observations.map((value) => avro.encode(TOPICS.status, 'StationObservation', value))
    const records = encodeAll()
    const runs = quick ? 3 : 15
    const encoded = await timed({ runs, warm: 5, clock: 'processor', work: encodeAll })
    const decoded = await timed({
      runs,
      warm: 5,
      clock: 'processor',
      work: () => avro.decode(TOPICS.status, records),
    })
    const bytes = records.reduce((sum, { length }) => sum + length, 0) / records.length
    const size = `, ${bytes.toFixed(0)} bytes a record`
    return [
      {
        work: 'Avro with framing, encode',
        asked: '300,000 rec/s',
        aim: '500,000',
        measured: rate(records.length, quantile(encoded, 0.5), 'rec/s') + size,
      },
      {
        work: 'Avro with framing, decode',
        asked: '600,000 rec/s',
        aim: '1,000,000',
        measured: rate(records.length, quantile(decoded, 0.5), 'rec/s'),
      },
    ]
  },
}
