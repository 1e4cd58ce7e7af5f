import type { FoundRow } from './history.ts'
import type { RecordedSystem } from './recordings.ts'

export type ReaderName = 'windows' | 'forecast' | 'sink' | 'monitor'
export type ServiceName = ReaderName | 'ingest'

/** The n-th time that a service of a process reaches a step of its commit protocol. */
export interface Place {
  service: ServiceName
  step: string
  occurrence: number
}

/** What a process of a run under test does; see `pipeline-process.ts`. */
export interface ProcessPlan {
  /** Input of the configuration schema. */
  config: object
  services: readonly ServiceName[]
  /** Replayed when `services` has ingest. */
  recordings?: readonly RecordedSystem[]
  speed?: number
  pace?: 'off'
  /** SIGKILL to itself at the first of these that is reached, which it names on its standard output. */
  kills?: readonly Place[]
  /** SIGSTOP to itself there, until another wakes it. */
  stopAt?: Place
  /** Milliseconds that each step of a service takes longer. */
  slowMs?: Partial<Record<ServiceName, number>>
  /** How far ahead its clock is. */
  clockShiftMs?: number
  ledgerIntervalMs?: number
  /** A later version of the services: every record of theirs has one more field, named by this number, with a value. */
  version?: number
  /** Written once the recordings are replayed; where it is there, they are not replayed again. */
  replayedFile?: string
  /** Where to write the state that is not in files, at the end. */
  stateFile?: string
}

/** What a run has that is not in files. */
export interface RunState {
  windows: FoundRow[]
  contents: Record<string, string>
}

/** Every step of every commit protocol at which a process can be killed. */
export const STEPS: Record<ServiceName, readonly string[]> = {
  ingest: ['companions', 'dead-letters', 'information', 'published', 'handled', 'checkpoint'],
  windows: ['merged', 'written', 'published', 'committed'],
  forecast: ['computed', 'published', 'looked_up', 'served', 'committed'],
  sink: [
    'claimed',
    'taken',
    'part_written',
    'parts_written',
    'ledger_written',
    'committed',
    'compaction_leased',
    'compaction_read',
    'compaction_merged',
    'compaction_published',
    'compaction_refreshed',
    'compaction_verified',
  ],
  monitor: ['taken', 'hours', 'ledger', 'recomputed', 'replaced', 'artefacts', 'freshness', 'committed'],
}
