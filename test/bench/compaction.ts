import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BIN_MS, floorBin } from '../../services/domain/bin.ts'
import { bronzePath } from '../../services/platform/object-store/layout.ts'
import { openLocalStore } from '../../services/platform/object-store/local.ts'
import { bronzeContentName, encodeBronze } from '../../services/platform/parquet/bronze.ts'
import { type Benchmark, type Figure, milliseconds } from './benchmark.ts'
import { CITY, cityPolls, observationsOf } from './simulated-city.ts'

const run = promisify(execFile)
const MONTH = '2026-05'
const DAY = '2026-05-12'
const DAY_MS = 86_400_000
const BINS = DAY_MS / BIN_MS

interface Report {
  rows: number
  bytes: number
  seconds: number
  megabytes: number
}

/** 288 bronze parts of 1,500 stations into a day; 31 such days into a month. Each job in a process of its own. */
export const compaction: Benchmark = {
  name: 'compaction',
  async run({ quick, directory }) {
    const root = join(directory, 'store')
    const objects = await openLocalStore({ root })
    const first = Date.parse(DAY)
    const written: number[] = []
    let place = 0
    for (const poll of cityPolls({ polls: quick ? 12 : BINS })) {
      const ts_utc = first + place * BIN_MS
      const rows = observationsOf(poll)
        .map((row) => ({ ...row, ts_utc, fetched_utc: ts_utc + 5_000 }))
        .sort((a, b) => (a.station_id < b.station_id ? -1 : 1))
      const begun = performance.now()
      const path = bronzePath({ system: CITY, bin: floorBin(ts_utc), content: bronzeContentName(rows) })
      await objects.put(path, encodeBronze({ rows }), { ifGeneration: 'absent' })
      written.push(performance.now() - begun)
      place += 1
    }
    written.sort((a, b) => a - b)
    const figures: Figure[] = [
      {
        work: 'a bronze part of 1,500 stations: name, encode, write, sync',
        asked: '',
        aim: '',
        measured: milliseconds(written),
      },
      figure('a day', await job(root, DAY), { asked: '3 s, 512 MB, 5', aim: '1.5 s, 350 MB, 4' }),
    ]
    if (quick) return figures
    for (let day = 1; day <= 31; day += 1) {
      const to = `${MONTH}-${String(day).padStart(2, '0')}`
      if (to !== DAY) await job(root, 'copy', DAY, to)
    }
    figures.push(figure('a month', await job(root, MONTH), { asked: '120 s, 768 MB', aim: '45 s, 512 MB' }))
    return figures
  },
}

async function job(...args: string[]): Promise<Report> {
  const script = join(import.meta.dirname, 'compaction-run.ts')
  const { stdout } = await run(process.execPath, [script, ...args])
  return JSON.parse(stdout) as Report
}

function figure(
  what: string,
  { rows, bytes, seconds, megabytes }: Report,
  wanted: Pick<Figure, 'asked' | 'aim'>,
): Figure {
  return {
    work: `${what} (${rows.toLocaleString('en-GB')} rows) compacted: time, peak memory, bytes a row`,
    ...wanted,
    measured: `${seconds.toFixed(2)} s, ${megabytes} MB, ${(bytes / rows).toFixed(2)}`,
  }
}
