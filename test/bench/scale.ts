import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startVelocast } from '../proof/velocast.ts'
import { freePort } from '../stack/ports.ts'
import type { Benchmark, Figure } from './benchmark.ts'
import { startServers } from './servers.ts'

const LOOK_MS = 1_000
const POLL_S = 60
const GROUPS = ['windows', 'forecast'] as const

interface Look {
  /** Since the first poll, s. */
  at: number
  polls: number
  /** Records that windows and forecasts have not committed. */
  behind: number
  cpu: number
  residentMb: number
}

/**
 * A city of 100,000 stations that is polled each minute, through every service: whether each poll is forecast before the
 * next one comes, and what that takes of the processors. The simulator that serves the city is in the same process.
 */
export const scale: Benchmark = {
  name: 'scale',
  async run({ quick, directory }) {
    const size = { stations: quick ? 10_000 : 100_000, minutes: quick ? 2 : 5 }
    const figures = [await measure('in one process', { ...size, data: join(directory, 'one') }, {})]
    const servers = await startServers()
    try {
      const where = 'on Kafka, Redis and GCS emulator, services in one process'
      figures.push(await measure(where, { ...size, data: join(directory, 'real') }, servers.environment))
    } finally {
      await servers.stop()
    }
    return figures
  },
}

async function measure(
  where: string,
  { stations, minutes, data }: { stations: number; minutes: number; data: string },
  environment: Record<string, string>,
): Promise<Figure> {
  const port = await freePort()
  const run = startVelocast(
    [
      ...['up', '--source', 'simulate', '--stations', String(stations), '--no-history'],
      ...['--port', String(port), '--data', data],
    ],
    environment,
  )
  let gone = false
  void run.ended.then(() => {
    gone = true
  })
  const looks: Look[] = []
  let began: number | null = null
  while (began === null || performance.now() - began < minutes * 60_000) {
    if (gone) throw new Error(`the city ended early: ${(await run.ended).stderr.slice(-2_000)}`)
    await sleep(LOOK_MS)
    const text = await fetch(`http://127.0.0.1:${port}/metrics`)
      .then((answer) => answer.text())
      .catch(() => '')
    const polls = sumOf(text, /^velocast_ingest_polls_total\{.*outcome="ok".*\} (\S+)$/gm)
    if (polls === 0) continue
    began ??= performance.now()
    looks.push({
      at: (performance.now() - began) / 1000,
      polls,
      behind: GROUPS.reduce(
        (sum, group) =>
          sum +
          sumOf(
            text,
            new RegExp(`^velocast_consumer_lag_records\\{group="velocast-${group}".*\\} (\\S+)$`, 'gm'),
          ),
        0,
      ),
      cpu: sumOf(text, /^process_cpu_seconds_total (\S+)$/gm),
      residentMb: sumOf(text, /^process_resident_memory_bytes (\S+)$/gm) / 1e6,
    })
  }
  run.child.kill('SIGTERM')
  await run.ended
  return {
    work: `${stations.toLocaleString('en-GB')} simulated stations, polled each minute, through every service, ${where}`,
    asked: 'keeps up',
    aim: 'half a core free',
    measured: summary(looks),
  }
}

/** Kept up: of every poll but the newest, windows and forecasts are done before the next. */
function summary(looks: readonly Look[]): string {
  const polls = looks.at(-1)!.polls - looks[0]!.polls
  const longest = longestBehind(looks)
  const settled = looks.filter(({ at }) => at >= POLL_S)
  const [first, last] = [settled[0] ?? looks[0]!, looks.at(-1)!]
  const cores = (last.cpu - first.cpu) / Math.max(1, last.at - first.at)
  const memory = Math.max(...looks.map(({ residentMb }) => residentMb))
  const word = longest < POLL_S ? 'keeps up' : 'does not keep up'
  return `${word}: ${polls} polls, each forecast within ${longest.toFixed(0)} s; ${cores.toFixed(2)} cores, ${memory.toFixed(0)} MB at most`
}

/** Longest stretch in which windows or forecasts had something left, s. */
function longestBehind(looks: readonly Look[]): number {
  let longest = 0
  let since: number | null = null
  for (const { at, behind } of looks) {
    if (behind === 0) since = null
    else {
      since ??= at
      longest = Math.max(longest, at - since + LOOK_MS / 1000)
    }
  }
  return longest
}

function sumOf(text: string, line: RegExp): number {
  let sum = 0
  for (const [, value] of text.matchAll(line)) sum += Number(value)
  return sum
}
