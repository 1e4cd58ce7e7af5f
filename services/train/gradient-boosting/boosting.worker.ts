import { parentPort, workerData } from 'node:worker_threads'
import { type BoostTask, boost, type Round } from './boost.ts'
import type { BoostedTrees } from './model.ts'
import { Team } from './team.ts'

export interface WorkerTask {
  task: BoostTask
  thread: number
}

/** Sent by the first thread of the team alone. */
export type WorkerMessage = { kind: 'round'; round: Round } | { kind: 'model'; model: BoostedTrees }

const { task, thread } = workerData as WorkerTask
const post = (message: WorkerMessage): void => parentPort!.postMessage(message)
const team = new Team({ size: task.options.threads, thread, control: task.memory.control })
const model = boost(task, team, (round) => post({ kind: 'round', round }))
if (thread === 0) post({ kind: 'model', model })
