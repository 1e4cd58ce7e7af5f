import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readFound } from './found.ts'
import type { Found } from './history.ts'
import { seededRandom, startPipeline } from './pipeline-run.ts'
import { type Place, type ServiceName, STEPS } from './process-plan.ts'
import type { Recordings } from './recordings.ts'

export interface Kill extends Place {
  campaign: number
}

/** Steps that come once an hour, once a start or at the end: reached late, so their first times are aimed at. */
const RARE =
  /^(ingest checkpoint|sink claimed|monitor (hours|ledger|recomputed|replaced|artefacts)|sink compaction_)/
/** Places that a recording reaches at its end alone. */
const LATE = /compaction_|ingest checkpoint/
/** Longer than a lease outlives its holder: the next start finds it free, as it would after a minute. */
const LEASE_MS = 70_000

export function allSteps(): { service: ServiceName; step: string }[] {
  return (Object.keys(STEPS) as ServiceName[]).flatMap((service) =>
    STEPS[service].map((step) => ({ service, step })),
  )
}

export function configOf({ systems }: Pick<Recordings, 'systems'>, data: string): object {
  return {
    data,
    logging: { level: 'warn', format: 'json' },
    systems: systems.map(({ id, timezone }) => ({ id, timezone, discovery_url: `replay:${id}` })),
  }
}

/** A run in one process that nothing befalls. */
export async function wholeRun(recordings: Recordings, data: string): Promise<Found> {
  const { systems } = recordings
  const stateFile = join(data, 'state.json')
  const services = Object.keys(STEPS) as ServiceName[]
  const config = configOf(recordings, data)
  const { code, output } = await startPipeline({ config, services, recordings: systems, stateFile }).ended
  if (code !== 0) throw new Error(`run ended with ${code}: ${output}`)
  const found = await readFound({ store: join(data, 'store'), stateFile, systems })
  rmSync(data, { recursive: true })
  return found
}

/**
 * One process over one recording, killed at one step after the other and started again until it completes: each start
 * aims at a step of `pending`, drawn with its occurrence by `seed`, and at one of those that only the end reaches.
 * Steps that were killed at leave `pending`.
 */
export async function killCampaign(options: {
  recordings: Recordings
  data: string
  seed: number
  campaign: number
  pending: { service: ServiceName; step: string }[]
}): Promise<{ kills: Kill[]; found: Found }> {
  const { recordings, data, seed, campaign, pending } = options
  const { systems } = recordings
  const random = seededRandom(seed + 7_919 * campaign)
  const stateFile = join(data, 'state.json')
  const replayedFile = join(data, 'replayed')
  const config = configOf(recordings, data)
  const services = Object.keys(STEPS) as ServiceName[]
  const kills: Kill[] = []
  const aim = (late: boolean): Kill[] => {
    const choice = pending.filter(({ service, step }) => LATE.test(`${service} ${step}`) === late)
    const target = choice[Math.floor(random() * choice.length)]
    if (target === undefined) return []
    // What was missed before is aimed at earlier.
    const most = Math.max(1, (RARE.test(`${target.service} ${target.step}`) ? 3 : 40) >> campaign)
    return [{ ...target, occurrence: 1 + Math.floor(random() * most), campaign }]
  }
  let clockShiftMs = 0
  for (;;) {
    const aims = [...aim(false), ...aim(true)]
    const plan = { config, services, recordings: systems, stateFile, replayedFile, clockShiftMs, kills: aims }
    const { code, signal, output } = await startPipeline(plan).ended
    const kill = aims.find(({ service, step }) => output.includes(`killed at ${service} ${step}\n`))
    if (signal === 'SIGKILL' && kill !== undefined) {
      kills.push(kill)
      const place = pending.findIndex(({ service, step }) => service === kill.service && step === kill.step)
      pending.splice(place, 1)
      if (kill.step.startsWith('compaction_')) clockShiftMs += LEASE_MS
    } else if (code === 0) break
    else throw new Error(`run ended with ${code} ${signal} under ${JSON.stringify(aims)}: ${output}`)
  }
  const found = await readFound({ store: join(data, 'store'), stateFile, systems })
  rmSync(data, { recursive: true })
  return { kills, found }
}
