import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { BIN_MS, DAY_MS, dayName, floorBin } from '../../services/domain/bin.ts'
import { recordCity } from '../../services/ingest/simulator/record.ts'
import { bronzePath } from '../../services/platform/object-store/layout.ts'
import { openLocalStore } from '../../services/platform/object-store/local.ts'
import { bronzeContentName, encodeBronze } from '../../services/platform/parquet/bronze.ts'
import type { TrainingRun } from '../../services/train/run-record.ts'
import { processMb } from '../process-memory.ts'
import { startVelocast } from '../proof/velocast.ts'
import type { Benchmark, Figure } from './benchmark.ts'
import { CITY, observationsOf } from './simulated-city.ts'

const run = promisify(execFile)
const COMPACT = join(import.meta.dirname, 'compaction-run.ts')
/** A Monday. */
const FIRST_DAY = Date.UTC(2026, 1, 2)
const LOOK_MS = 500

/**
 * `velocast train` on 90 simulated days of 1,500 stations: what a run reads, takes and says. No day is another's copy: the
 * gate would refuse a model that has seen what judges it. Making the days takes as long as the run.
 */
export const training: Benchmark = {
  name: 'training',
  async run({ quick, directory }) {
    const size = quick ? { stations: 60, days: 10 } : { stations: 1_500, days: 90 }
    await writeHistory({ ...size, root: join(directory, 'store') })
    const config = join(directory, 'velocast.json')
    await writeFile(config, JSON.stringify({ data: directory }))
    return trainOn({ ...size, config })
  },
}

async function writeHistory({
  stations,
  days,
  root,
}: {
  stations: number
  days: number
  root: string
}): Promise<void> {
  const objects = await openLocalStore({ root })
  const city = recordCity({
    seed: 7,
    stations,
    start: FIRST_DAY,
    end: FIRST_DAY + days * DAY_MS,
    pollSeconds: 300,
    // So that each poll is of the bin that it is made in.
    fetchDelaySeconds: 0,
  })
  for (const poll of city) {
    const bin = floorBin(poll.fetched_utc)
    const rows = observationsOf(poll).sort((a, b) => (a.station_id < b.station_id ? -1 : 1))
    const path = bronzePath({ system: CITY, bin, content: bronzeContentName(rows) })
    await objects.put(path, encodeBronze({ rows }), { ifGeneration: 'absent' })
    if ((bin + BIN_MS) % DAY_MS === 0) await run(process.execPath, [COMPACT, root, dayName(bin)])
  }
}

async function trainOn({
  stations,
  days,
  config,
}: {
  stations: number
  days: number
  config: string
}): Promise<Figure[]> {
  const begun = performance.now()
  const { child, ended } = startVelocast([
    ...['train', '--config', config, '--system', CITY, '--timezone', 'Europe/Paris', '--json'],
  ])
  let over = false
  void ended.then(() => {
    over = true
  })
  const peaks = new Map<number, number>()
  while (!over) {
    for (const pid of [child.pid!, ...childrenOf(child.pid!)]) {
      const megabytes = processMb(pid, 'VmHWM')
      if (megabytes !== null) peaks.set(pid, megabytes)
    }
    await sleep(LOOK_MS)
  }
  const seconds = (performance.now() - begun) / 1_000
  const { stdout, stderr } = await ended
  const record = JSON.parse(stdout) as TrainingRun
  if (record.inputs.base === null) throw new Error(`training read nothing: ${stderr.slice(-2_000)}`)
  const { rows_read: rows } = record.inputs.base
  return [
    {
      work: `velocast train on ${days} days of ${stations.toLocaleString('en-GB')} stations (${rows.toLocaleString('en-GB')} rows), gate and refit included: time, peak memory of the command and of its training process`,
      asked: '15 min, 2 GB',
      aim: '',
      measured: `${record.status}${record.reason === null ? '' : ` (${record.reason.message})`}: ${(seconds / 60).toFixed(1)} min, ${[...peaks.values()].map((mb) => `${mb.toFixed(0)} MB`).join(' and ')}`,
    },
  ]
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
