/**
 * `npm test`: every check of the project, one after the other, each with its time; then one line that counts.
 * With CI=true a server that could not be started fails the run; without it the run says what it left out.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Step {
  name: string
  command: string[]
  /** Test steps count their tests; a check counts as one. */
  report?: string
  /** True when the output says that the check could not be made here, which is no finding. */
  unavailable?: RegExp
}

const directory = mkdtempSync(join(tmpdir(), 'velocast-test-'))
const vitest = (project: string): Step => {
  const report = join(directory, `${project}.json`)
  return {
    name: `${project} tests`,
    command: [
      'vitest',
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    report,
  }
}

const STEPS: Step[] = [
  { name: 'lint and format', command: ['biome', 'ci', '.'] },
  { name: 'types', command: ['tsc', '--noEmit'] },
  { name: 'floors', command: ['depcruise', 'services', '--output-type', 'err'] },
  { name: 'dead code', command: ['knip'] },
  {
    name: 'audit',
    command: ['npm', 'audit', '--omit=dev', '--audit-level=high'],
    unavailable: /audit endpoint returned an error|ENOTFOUND|EAI_AGAIN|ECONNREFUSED/,
  },
  vitest('unit'),
  vitest('integration'),
  vitest('e2e'),
]

interface Outcome {
  name: string
  passed: number
  failed: number
  skipped: number
  seconds: number
  note: string
}

async function run({ command }: Step): Promise<{ code: number; output: string }> {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FORCE_COLOR: '0' },
  })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      process.stdout.write(chunk)
    })
  }
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(127))
    child.on('close', (status) => resolve(status ?? 1))
  })
  return { code, output: Buffer.concat(chunks).toString() }
}

async function outcome(step: Step): Promise<Outcome> {
  process.stdout.write(`\n── ${step.name}: ${step.command.join(' ')}\n`)
  const started = performance.now()
  const { code, output } = await run(step)
  const seconds = (performance.now() - started) / 1000
  const base = { name: step.name, skipped: 0, seconds, note: '' }
  if (step.report !== undefined) return { ...base, ...count(step.report, code) }
  if (code === 0) return { ...base, passed: 1, failed: 0 }
  if (step.unavailable?.test(output)) {
    return { ...base, passed: 0, failed: 0, skipped: 1, note: 'could not be asked from here' }
  }
  return { ...base, passed: 0, failed: 1 }
}

function count(report: string, code: number): Pick<Outcome, 'passed' | 'failed' | 'skipped' | 'note'> {
  try {
    const json = JSON.parse(readFileSync(report, 'utf8')) as {
      numPassedTests: number
      numFailedTests: number
      numPendingTests: number
      success: boolean
    }
    const failed = json.numFailedTests === 0 && code !== 0 ? 1 : json.numFailedTests
    return { passed: json.numPassedTests, failed, skipped: json.numPendingTests, note: '' }
  } catch {
    return { passed: 0, failed: 1, skipped: 0, note: 'gave no report' }
  }
}

const only = process.argv.slice(2)
const outcomes: Outcome[] = []
for (const step of STEPS) {
  if (only.length > 0 && !only.some((name) => step.name.startsWith(name))) continue
  outcomes.push(await outcome(step))
}
rmSync(directory, { recursive: true, force: true })

process.stdout.write('\n')
for (const { name, passed, failed, skipped, seconds, note } of outcomes) {
  const mark = failed > 0 ? 'FAILED' : passed > 0 ? 'ok' : 'skipped'
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`
  process.stdout.write(
    `${mark.padEnd(8)}${name.padEnd(20)}${seconds.toFixed(1).padStart(7)} s  (${counts}) ${note}\n`,
  )
}
const total = (pick: (each: Outcome) => number): number => outcomes.reduce((sum, each) => sum + pick(each), 0)
const failed = total(({ failed }) => failed)
process.stdout.write(
  `${total(({ passed }) => passed)} passed, ${failed} failed, ${total(({ skipped }) => skipped)} skipped\n`,
)
process.exitCode = failed === 0 ? 0 : 1
