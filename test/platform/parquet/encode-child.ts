import { createHash } from 'node:crypto'
import { bronzeContentName, encodeBronze } from '../../../services/platform/parquet/bronze.ts'
import { observationOf } from '../../sink/observations.ts'

/** Prints digest and name of the rows that bronze.test.ts encodes in its own process. */
const rows = [observationOf({ ts_utc: 0 }), observationOf({ ts_utc: 0, station_id: '2', name: null })]
const bytes = encodeBronze({ rows, offsets: { partition: 1, first: 0, next: 2 } })
process.stdout.write(`${createHash('md5').update(bytes).digest('hex')} ${bronzeContentName(rows)}`)
