import { join } from 'node:path'
import { writeRecording } from '../../services/ingest/simulator/record.ts'
import { startVelocast } from '../proof/velocast.ts'
import { recordedData } from '../recorded-data.ts'
import { type Benchmark, type Figure, rate } from './benchmark.ts'
import { startServers } from './servers.ts'
import { cityPolls } from './simulated-city.ts'

interface Source {
  name: string
  system: string
  from: string
  information: string
}

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
    await writeRecording({ polls: cityPolls({ polls: quick ? 30 : 150 }), directory: simulated })
    const sources: Source[] = [
      {
        name: 'a simulated city of 1,500 stations, a poll a minute',
        system: 'simulated',
        from: simulated,
        information: simulated,
      },
    ]
    const data = recordedData()
    if (data !== null && !quick) {
      sources.push({
        name: 'Bay Wheels, 516 stations, a poll every 5 to 15 minutes (each closes a bin)',
        system: 'baywheels',
        from: join(data, 'baywheels', 'raw'),
        information: join(data, 'baywheels', 'raw_information'),
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
  const measured = await run(source, join(directory, `one-${source.system}`), {})
  return { work: `replay in one process: ${source.name}`, asked: '20,000 rows/s', aim: '50,000', measured }
}

async function onServers(
  source: Source,
  directory: string,
  environment: Record<string, string>,
): Promise<Figure> {
  const measured = await run(source, join(directory, `real-${source.system}`), environment)
  return {
    work: `replay on Kafka, Redis and GCS emulator, services in one process: ${source.name}`,
    asked: '10,000 rows/s',
    aim: '20,000',
    measured,
  }
}

async function run(
  { system, from, information }: Source,
  data: string,
  environment: Record<string, string>,
): Promise<string> {
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
