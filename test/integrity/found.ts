import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { fileHashes } from '../proof/daily-rows.ts'
import type { Found, FoundPoll, FoundRow } from './history.ts'
import type { RunState } from './process-plan.ts'
import type { RecordedSystem } from './recordings.ts'

/** Files whose bytes follow from what was sent alone; the others say how the run went. */
const PROMISED = /^[^/]+\/(daily|monthly|exports|monitoring\/data|serving)\//

/** Reads what a run left in its object store (a local directory) and the state that it wrote at its end. */
export async function readFound({
  store,
  stateFile,
  systems,
}: {
  store: string
  stateFile: string
  systems: readonly RecordedSystem[]
}): Promise<Found> {
  const state = JSON.parse(readFileSync(stateFile, 'utf8')) as RunState
  const files = Object.entries(fileHashes(store)).filter(([path]) => PROMISED.test(path))
  const found = { daily: [] as FoundRow[], parts: [] as FoundRow[], polls: [] as FoundPoll[] }
  const database = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await database.connect()
  const rowsOf = async (system: string, folder: string): Promise<FoundRow[]> => {
    const rows = await query(
      join(store, system, folder),
      `epoch_ms(ts_utc)::DOUBLE AS ts_utc, epoch_ms(tbin_utc)::DOUBLE AS tbin_utc,
       epoch_ms(fetched_utc)::DOUBLE AS fetched_utc, station_id, bikes, docks, ebike`,
    )
    return rows.map((row) => ({ system, ...row }) as unknown as FoundRow)
  }
  async function query(folder: string, columns: string): Promise<Record<string, unknown>[]> {
    const names = parquetNames(folder)
    if (names.length === 0) return []
    const list = names.map((name) => `'${join(folder, name)}'`).join(', ')
    const reader = await connection.runAndReadAll(`SELECT ${columns} FROM read_parquet([${list}])`)
    return reader.getRowObjects()
  }
  for (const { id } of systems) {
    found.daily.push(...(await rowsOf(id, 'daily')))
    found.parts.push(...(await rowsOf(id, 'bronze')))
    const polls = await query(
      join(store, id, 'polls'),
      'epoch_ms(fetched_utc)::DOUBLE AS fetched_utc, poll_id, outcome, rows',
    )
    found.polls.push(...polls.map((poll) => ({ system: id, ...poll }) as unknown as FoundPoll))
  }
  connection.closeSync()
  database.closeSync()
  return { ...found, windows: state.windows, contents: { ...Object.fromEntries(files), ...state.contents } }
}

function parquetNames(folder: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    return names.filter((name) => name.endsWith('.parquet')).sort()
  } catch {
    return []
  }
}
