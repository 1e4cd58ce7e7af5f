/**
 * `npm run test:integrity [-- --only kills,wire] [--write]`: the promises in their long form, one file after the other,
 * each with its time. With `--write` the report in docs/integrity.md is replaced for the files that ran.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readPart, writePart } from '../document-part.ts'

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'integrity.md')
const END = '.integrity.test.ts'
const files = readdirSync(import.meta.dirname).flatMap((name) =>
  name.endsWith(END) ? [name.slice(0, -END.length)] : [],
)

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: files.join(',') },
    write: { type: 'boolean', default: false },
  },
})
const only = values.only.split(',')
const unknown = only.filter((name) => !files.includes(name))
if (unknown.length > 0) throw new Error(`--only must name some of ${files.join(', ')}: ${unknown.join(', ')}`)

interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
}

const directory = mkdtempSync(join(tmpdir(), 'velocast-integrity-run-'))
let failures = 0
for (const name of only) {
  const output = join(directory, `${name}.json`)
  const load = loadavg()[0]!
  const began = performance.now()
  const code = await run([
    'run',
    ...['--project', 'integrity', `test/integrity/${name}${END}`],
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${output}`],
  ])
  const seconds = (performance.now() - began) / 1000
  const row = rowOf({ name, output, code, seconds, load })
  if (code !== 0) failures += 1
  process.stdout.write(`${row}\n`)
  if (values.write) await writePart(PAGE, 'report', withRow(await readPart(PAGE, 'report'), name, row))
}
rmSync(directory, { recursive: true, force: true })
process.exitCode = failures === 0 ? 0 : 1

function run(args: string[]): Promise<number> {
  const child = spawn('vitest', args, {
    stdio: 'inherit',
    env: { ...process.env, VELOCAST_TEST_INTEGRITY: 'full' },
  })
  return new Promise((resolve) => {
    child.on('error', () => resolve(127))
    child.on('close', (code) => resolve(code ?? 1))
  })
}

function rowOf(facts: { name: string; output: string; code: number; seconds: number; load: number }): string {
  const { name, output, code, seconds, load } = facts
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(
    readFileSync(output, 'utf8'),
  ) as Report
  const counts = `${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} left out`
  const day = new Date().toISOString().slice(0, 10)
  return `| ${name} | ${code === 0 ? 'holds' : 'FAILED'} | ${counts} | ${seconds.toFixed(0)} s | ${load.toFixed(1)} | ${day} |`
}

/** The table with the file's row in the place of the one before, or at the end. */
function withRow(table: string, name: string, row: string): string {
  const lines = table.split('\n')
  const at = lines.findIndex((line) => line.startsWith(`| ${name} |`))
  if (at < 0) lines.push(row)
  else lines[at] = row
  return lines.join('\n')
}
