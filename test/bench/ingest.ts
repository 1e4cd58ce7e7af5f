import { createHash } from 'node:crypto'
import { readJson } from '../../services/domain/gbfs/envelope.ts'
import { parseStatus } from '../../services/domain/gbfs/status.ts'
import { type Benchmark, milliseconds, timed } from './benchmark.ts'
import { cityPolls, observationsOf } from './simulated-city.ts'

/** From the bytes of a status file to complete observations: processor time of one thread. */
export const ingest: Benchmark = {
  name: 'ingest',
  async run({ quick }) {
    const [poll] = cityPolls({ polls: 1 })
    const body = Buffer.from(JSON.stringify(poll!.status))
    const times = await timed({
      runs: quick ? 3 : 30,
      warm: 2,
      clock: 'processor',
      repeat: 10,
      work: () => {
        createHash('sha256').update(body).digest('hex')
        return parseStatus(readJson(body))
      },
    })
    const enriched = await timed({
      runs: quick ? 3 : 30,
      warm: 2,
      clock: 'processor',
      repeat: 10,
      work: () => observationsOf(poll!),
    })
    return [
      {
        work: 'parse and check a poll of 1,500 stations, from bytes',
        asked: '15 ms',
        aim: '8 ms',
        measured: milliseconds(times),
      },
      {
        work: 'the same poll from JSON to complete observations, information and weather parsed too',
        asked: '',
        aim: '',
        measured: milliseconds(enriched),
      },
    ]
  },
}
