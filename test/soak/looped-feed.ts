import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { recordCity, writeRecording } from '../../services/ingest/simulator/record.ts'
import type { RecordedSystem } from '../integrity/recordings.ts'
import { docomo } from '../proof/recordings.ts'
import { recordedData } from '../recorded-data.ts'

const MINUTE_MS = 60_000

/** Status of a feed as far as its times go: epoch seconds. */
interface StatusBody {
  last_updated: number
  data: { stations: { last_reported: number }[] }
}

/**
 * A feed polled once a minute for `minutes` of its time, as files below `directory`: the recorded Docomo feed, again and
 * again with its times moved on, or, where there is no recorded data, a simulated city as large.
 */
export async function loopedFeed(directory: string, minutes: number): Promise<RecordedSystem> {
  const data = recordedData()
  mkdirSync(directory, { recursive: true })
  if (data === null) {
    const start = Date.UTC(2026, 2, 10)
    const end = start + minutes * MINUTE_MS
    await writeRecording({ polls: recordCity({ seed: 1, stations: 1_080, start, end }), directory })
    return { id: 'simulated', from: directory, timezone: 'Europe/Paris' }
  }
  const { polls, information, timezone } = await docomo(data)
  const bodies = polls.map(({ body }) => JSON.parse(body.toString()) as StatusBody)
  const first = bodies[0]!.last_updated
  const lapSeconds = Math.ceil((bodies.at(-1)!.last_updated - first) / 60 + 1) * 60
  for (let poll = 0; poll < minutes; poll += 1) {
    const body = bodies[poll % bodies.length]!
    const shift = Math.floor(poll / bodies.length) * lapSeconds
    const last_updated = body.last_updated + shift
    const stations = body.data.stations.map((station) => ({
      ...station,
      last_reported: station.last_reported + shift,
    }))
    const name = `station_status_${new Date(last_updated * 1_000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
    writeFileSync(
      join(directory, `${name}.json.gz`),
      gzipSync(JSON.stringify({ ...body, last_updated, data: { stations } }), { level: 1 }),
    )
  }
  const begun = new Date(first * 1_000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  writeFileSync(
    join(directory, `station_information_${begun}Z.json.gz`),
    gzipSync(readFileSync(information), { level: 1 }),
  )
  return { id: 'docomo', from: directory, timezone }
}
