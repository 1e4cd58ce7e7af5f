import { join } from 'node:path'
import { cached } from '../../stack/cache.ts'
import { findCommand, run } from '../../stack/command.ts'

const LIGHTGBM = '4.7.0'
const XGBOOST = '3.2.0'
const NUMPY = '2.3.5'
const SCIPY = '1.16.3'

export const CONTENDERS = ['velocast', 'lightgbm', 'xgboost'] as const
export type Contender = (typeof CONTENDERS)[number]

export interface RunTask {
  directory: string
  width: number
  rounds: number
  depth: number
  threads: number
  growth: 'depth-wise' | 'leaf-wise'
  loss: 'squared' | 'absolute'
}

/** What a run prints. Peak memory is the process's, unbinned features included, before it predicts. */
export interface RunResult {
  prepare_seconds: number
  train_seconds: number
  prepare_cpu_seconds: number
  train_cpu_seconds: number
  rmse: number
  mae: number
  peak_mebibytes: number
}

export function contenderName(contender: Contender): string {
  const versions = {
    velocast: `Velocast, Node ${process.versions.node}`,
    lightgbm: `LightGBM ${LIGHTGBM}`,
    xgboost: `XGBoost ${XGBOOST}`,
  }
  return versions[contender]
}

export async function runContender(contender: Contender, task: RunTask): Promise<RunResult> {
  const script = (name: string): string => join(import.meta.dirname, name)
  const output =
    contender === 'velocast'
      ? await run({ command: process.execPath, args: [script('velocast-run.ts'), JSON.stringify(task)] })
      : await run({
          command: await ensureYardsticks(),
          args: [script('yardstick.py'), JSON.stringify({ ...task, library: contender })],
          environment: { OMP_NUM_THREADS: String(task.threads) },
        })
  return JSON.parse(output) as RunResult
}

/** Path of a Python that has both libraries, in a virtual environment outside of the checkout, made once. */
export async function ensureYardsticks(): Promise<string> {
  const directory = await cached(`python-lightgbm-${LIGHTGBM}-xgboost-${XGBOOST}`, async (partial) => {
    const python = await findCommand('python3')
    if (python === undefined)
      throw new Error('python3 is not on PATH, install Python 3.11 or later with venv')
    const packages = [
      `lightgbm==${LIGHTGBM}`,
      `xgboost-cpu==${XGBOOST}`,
      `numpy==${NUMPY}`,
      `scipy==${SCIPY}`,
    ]
    const options = ['--quiet', '--disable-pip-version-check', '--only-binary', ':all:']
    await run({ command: python, args: ['-m', 'venv', partial] })
    await run({
      command: join(partial, 'bin', 'python'),
      args: ['-m', 'pip', 'install', ...options, ...packages],
    })
  })
  return join(directory, 'bin', 'python')
}
