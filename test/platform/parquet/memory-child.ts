import { encodeBronze } from '../../../services/platform/parquet/bronze.ts'
import { observationOf } from '../../sink/observations.ts'

/** Prints by how many bytes the memory outside of the heap grows over 60 parts, after the first 20. */
const rows = Array.from({ length: 1_500 }, (_, index) =>
  observationOf({ ts_utc: 0, station_id: String(index) }),
)
function encode(times: number): number {
  for (let time = 0; time < times; time += 1) encodeBronze({ rows })
  return process.memoryUsage().external
}
const before = encode(20)
process.stdout.write(String(encode(60) - before))
