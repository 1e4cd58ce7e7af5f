import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readFound } from './found.ts'
import type { Found } from './history.ts'
import { type PipelineProcess, startPipeline } from './pipeline-run.ts'
import type { ProcessPlan, ReaderName, ServiceName } from './process-plan.ts'
import type { Recordings } from './recordings.ts'
import type { Servers } from './servers.ts'

export interface Member {
  service: ServiceName
  process: PipelineProcess
}

/** Services in processes of their own on real servers, as in production. */
export interface Members {
  readonly all: readonly Member[]
  start(service: ServiceName, more?: Partial<ProcessPlan>): Member
  /** SIGKILL, and another in its place at once. */
  replace(member: Member): Promise<Member>
  /** SIGTERM, once it has started; resolves when it is gone, rejects with its output where it was not with 0. */
  stop(member: Member): Promise<void>
  /** Waits until the recordings are replayed, lets the readers finish in their order, and reads what they left. */
  finish(directory: string): Promise<Found>
  /** Has ingest replay the rest as fast as it goes, from where it stopped, and finishes. */
  hurry(directory: string): Promise<Found>
  /** SIGKILL to all that is left. */
  killAll(): Promise<void>
}

const READERS: readonly ReaderName[] = ['windows', 'forecast', 'sink', 'monitor']

export function startMembers({
  recordings,
  servers,
  data,
}: {
  recordings: Recordings
  servers: Pick<Servers, 'config' | 'download'>
  data: string
}): Members {
  const members: Member[] = []
  const { systems } = recordings
  const config = servers.config(recordings, data)
  const plan = { config, recordings: systems, ledgerIntervalMs: 1_000 }

  function start(service: ServiceName, more: Partial<ProcessPlan> = {}): Member {
    const member = { service, process: startPipeline({ ...plan, services: [service], ...more }) }
    members.push(member)
    return member
  }

  async function gone(
    member: Member,
    signal: NodeJS.Signals,
  ): Promise<{ code: number | null; output: string }> {
    members.splice(members.indexOf(member), 1)
    member.process.child.kill(signal)
    member.process.child.kill('SIGCONT')
    return member.process.ended
  }

  /** Tells each to finish; one ends by itself when all that is in the log is handled. */
  async function ended(those: readonly Member[]): Promise<void> {
    for (const { process } of those) process.child.stdin?.write('finish\n')
    for (const { service, process } of those) {
      const { code, signal, output } = await process.ended
      if (code !== 0) throw new Error(`${service} ended with ${code ?? signal}: ${output.slice(-4_000)}`)
    }
  }

  const own: Members = {
    all: members,
    start,
    async replace(member) {
      await gone(member, 'SIGKILL')
      return start(member.service)
    },
    async stop(member) {
      await member.process.started
      const { code, output } = await gone(member, 'SIGTERM')
      if (code !== 0)
        throw new Error(`${member.service} told to stop ended with ${code}: ${output.slice(-4_000)}`)
    },
    async finish(directory) {
      mkdirSync(directory, { recursive: true })
      await ended(members.filter(({ service }) => service === 'ingest'))
      for (const reader of READERS) {
        // One alone, with every partition and no other to share them with, finishes them all.
        for (const member of members.filter(({ service }) => service === reader))
          await gone(member, 'SIGTERM')
        const last = start(reader)
        await last.process.started
        await ended([last])
      }
      members.length = 0
      const stateFile = join(directory, 'state.json')
      const reading: Member = {
        service: 'monitor',
        process: startPipeline({ ...plan, services: [], stateFile }),
      }
      await reading.process.started
      await ended([reading])
      const store = join(directory, 'store')
      await servers.download(store)
      return readFound({ store, stateFile, systems })
    },
    async hurry(directory) {
      for (const member of members.filter(({ service }) => service === 'ingest')) await own.stop(member)
      start('ingest')
      return own.finish(directory)
    },
    async killAll() {
      for (const member of [...members]) await gone(member, 'SIGKILL')
    },
  }
  return own
}
