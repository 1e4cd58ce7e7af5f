import { hash } from 'node:crypto'
import { stationKey } from './station.ts'

/** True for about `share` of all stations, always the same ones: by the first 32 bits of the key's MD5. */
export function isSampled({
  system,
  station_id,
  share,
}: {
  system: string
  station_id: string
  /** 0..1 */
  share: number
}): boolean {
  const place = Number.parseInt(hash('md5', stationKey(system, station_id), 'hex').slice(0, 8), 16)
  return place < share * 0x1_0000_0000
}
