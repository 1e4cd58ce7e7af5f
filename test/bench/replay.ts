import { join } from 'node:path'
import { pino } from 'pino'
import { openPlatform } from '../../services/cli/composition.ts'
import { writeRecording } from '../../services/ingest/simulator/record.ts'
import { loadConfig } from '../../services/platform/config-file.ts'
import { promoteModel } from '../../services/train/model-catalogue.ts'
import { publishPacks } from '../../services/train/publish-pack.ts'
import { startVelocast } from '../proof/velocast.ts'
import { recordedData } from '../recorded-data.ts'
import { type Benchmark, type Figure, rate } from './benchmark.ts'
import { startServers } from './servers.ts'
import { CITY, cityPolls, START } from './simulated-city.ts'
import { trainedCityPacks, wholeWindow } from './trained-city.ts'

interface Source {
  name: string
  system: string
  from: string
  information: string
  /** At least and aimed at, in one process and on servers.. */
  asked: { one: [string, string]; servers: [string, string] }
  /** Forecast by a trained pack of real size instead of persistence. */
  trained?: boolean
}

const ASKED: Source['asked'] = { one: ['20,000 rows/s', '50,000'], servers: ['10,000 rows/s', '20,000'] }
const ASKED_TRAINED: Source['asked'] = {
  one: ['5,000 rows/s', '15,000'],
  servers: ['5,000 rows/s', '15,000'],
}
const HORIZONS = [15, 60]
const HOUR_MS = 3_600_000

/**
 * What the process took of the processors, threads included: on a machine with other work the only figure that holds.
 * Percent-encoded, since it travels in an address.
 */
const TELL_CPU = encodeURIComponent(
  "import{isMainThread}from'node:worker_threads';if(isMainThread)process.on('exit',()=>{const{user,system}=process.cpuUsage();process.stderr.write('cpu-microseconds '+(user+system)+'\\n')})",
)

/** Feed files to Parquet, windows and forecasts: the whole command, start and compaction included. */
export const replay: Benchmark = {
  name: 'replay',
  async run({ quick, directory }) {
    const simulated = join(directory, 'recording')
    await writeRecording({ polls: cityPolls({ polls: quick ? 30 : 300 }), directory: simulated })
    const sources: Source[] = [
      {
        name: 'a simulated city of 1,500 stations, a poll a minute',
        system: 'simulated',
        from: simulated,
        information: simulated,
        asked: ASKED,
      },
      {
        name: 'the same city forecast by a trained pack',
        system: CITY,
        from: simulated,
        information: simulated,
        asked: ASKED_TRAINED,
        trained: true,
      },
    ]
    const data = recordedData()
    if (data !== null && !quick) {
      sources.push({
        name: 'Bay Wheels, 516 stations, a poll every 5 to 15 minutes (each closes a bin)',
        system: 'baywheels',
        from: join(data, 'baywheels', 'raw'),
        information: join(data, 'baywheels', 'raw_information'),
        asked: ASKED,
      })
      sources.push({
        name: 'Docomo Tokyo, 1,080 stations, a poll a minute',
        system: 'docomo',
        from: join(data, 'docomo-tokyo', 'raw_zips'),
        information: join(data, 'docomo-tokyo', 'station_information.json'),
        asked: ASKED,
      })
    }
    const figures: Figure[] = []
    for (const source of sources) figures.push(await inOneProcess(source, directory))
    const servers = await startServers()
    try {
      for (const source of sources) figures.push(await onServers(source, directory, servers.environment))
    } finally {
      await servers.stop()
    }
    return figures
  },
}

async function inOneProcess(source: Source, directory: string): Promise<Figure> {
  const [asked, aim] = source.asked.one
  const measured = await run(source, join(directory, `one-${source.system}`), {})
  return { work: `replay in one process: ${source.name}`, asked, aim, measured }
}

async function onServers(
  source: Source,
  directory: string,
  environment: Record<string, string>,
): Promise<Figure> {
  const [asked, aim] = source.asked.servers
  const measured = await run(source, join(directory, `real-${source.system}`), environment)
  const work = `replay on Kafka, Redis and GCS emulator, services in one process: ${source.name}`
  return { work, asked, aim, measured }
}

/** Puts a pack of the size of a real one in force from the first poll on. */
async function installTrained(data: string, environment: Record<string, string>): Promise<void> {
  const config = loadConfig({ env: { VELOCAST_DATA: data, ...environment } })
  const { platform, close } = await openPlatform({ config, logger: pino({ level: 'error' }) })
  try {
    const { objects } = platform
    const window = wholeWindow({ start: START - 12 * HOUR_MS })
    await publishPacks({ objects, packs: [...trainedCityPacks({ window, horizons: HORIZONS }).values()] })
    await promoteModel({ objects, system: CITY, version: '1.0.0', effectiveFrom: START })
  } finally {
    await close()
  }
}

async function run(
  { system, from, information, trained = false }: Source,
  data: string,
  environment: Record<string, string>,
): Promise<string> {
  if (trained) await installTrained(data, environment)
  const begun = performance.now()
  const { code, stdout, stderr } = await startVelocast(
    [
      'up',
      ...['--source', 'replay', '--from', from, '--information', information, '--system', system],
      ...['--speed', 'max', '--until-exhausted', '--data', data, '--port', '0', '--json'],
    ],
    { ...environment, NODE_OPTIONS: `--import=data:text/javascript,${TELL_CPU}` },
  ).ended
  const whole = performance.now() - begun
  if (code !== 0) throw new Error(`replay of ${system} ended with ${code}: ${stderr}`)
  const cpu = Number(/cpu-microseconds (\d+)/.exec(stderr)?.[1]) / 1000
  const { rows, seconds, polls } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
    rows: number
    seconds: number
    polls: number
  }
  process.stderr.write(`replayed ${system} in ${(whole / 1000).toFixed(1)} s\n`)
  return `${rate(rows, seconds * 1000)} while polls came (${polls} polls, ${rows} rows); ${rate(rows, whole)} from start to exit, ${rate(rows, cpu)} of processor time`
}
