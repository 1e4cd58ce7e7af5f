import { byDayStationAndBin, pollId, type Row } from './expected-rows.ts'

/** A row of Vélib's export as it stands in the file. */
export interface ExportRow {
  stationcode?: string | null
  name?: string | null
  is_installed?: string
  capacity?: number | null
  numdocksavailable?: number
  numbikesavailable?: number
  mechanical?: number
  ebike?: number
  is_renting?: string
  is_returning?: string
  duedate?: string | null
  coordonnees_geo?: { lon: number; lat: number } | null
}

/** One file of the export, unpacked, and when it was fetched: nothing in it says when it was published. */
export interface ExportPoll {
  body: Buffer
  fetched: number
}

const FIVE_MINUTES = 300_000

/**
 * What the daily files of a recorded Opendatasoft export must hold, computed straight from the JSON and from nothing of
 * the project: event time is the fetch time, one row for each (station, floor5(fetch time)), the last observation
 * wins; a file that repeats the one before is a later observation all the same. A row without a station code or a count of bikes is none.
 */
export function expectedExportRows(polls: readonly ExportPoll[]): Row[] {
  const last = new Map<string, Row>()
  for (const { body, fetched } of polls) {
    const bin = Math.floor(fetched / FIVE_MINUTES) * FIVE_MINUTES
    const poll = pollId(fetched, body)
    for (const station of JSON.parse(body.toString()) as ExportRow[]) {
      if (!station.stationcode || typeof station.numbikesavailable !== 'number') continue
      last.set(`${station.stationcode} ${bin}`, rowOf(station, { fetched, bin, poll }))
    }
  }
  return [...last.values()].sort(byDayStationAndBin)
}

function rowOf(
  station: ExportRow,
  { fetched, bin, poll }: { fetched: number; bin: number; poll: string },
): Row {
  const renting = station.is_renting === 'OUI'
  const returning = station.is_returning === 'OUI'
  return [
    fetched,
    bin,
    station.stationcode ?? null,
    station.numbikesavailable ?? null,
    station.capacity ?? null,
    station.mechanical ?? 0,
    station.ebike ?? 0,
    renting && returning ? 'OK' : 'CLOSED',
    station.coordonnees_geo?.lat ?? null,
    station.coordonnees_geo?.lon ?? null,
    station.name ?? null,
    null,
    null,
    null,
    station.numdocksavailable ?? null,
    null,
    null,
    station.duedate ? Date.parse(station.duedate) : null,
    null,
    fetched,
    station.is_installed === 'OUI',
    renting,
    returning,
    poll,
    null,
    null,
  ]
}
