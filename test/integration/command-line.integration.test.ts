import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startVelocast } from '../proof/velocast.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'velocast-command-line-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const run = (args: string[], environment?: Record<string, string>) => startVelocast(args, environment).ended

const STATIONS = 'test/integration/stations.csv'

function backtestOf(options: { status?: string; stations?: string; out?: string }): string[] {
  const { status = 'nowhere.parquet', stations = STATIONS, out = 'scores.json' } = options
  return [
    'backtest',
    '--status',
    status,
    '--stations',
    stations,
    '--out',
    out,
    '--timezone',
    'Europe/Paris',
  ].concat('--train-until', '2026-02-03')
}

const COMMANDS = [
  'up',
  'run',
  'replay',
  'train',
  'models list',
  'models show',
  'models promote',
  'models rollback',
  'backtest',
  'simulate',
  'compact daily',
  'compact monthly',
  'export events',
  'export perf',
  'parity',
  'topics',
  'dlq list',
  'dlq show',
  'dlq replay',
  'config',
  'doctor',
]

describe('every command', () => {
  test('is in docs/command-line.md, and explains itself with --help', async () => {
    const documented = readFileSync('docs/command-line.md', 'utf8')
    const helps = await Promise.all(COMMANDS.map((command) => run([...command.split(' '), '--help'])))
    for (const [index, { code, stdout, stderr }] of helps.entries()) {
      const command = COMMANDS[index] ?? ''
      expect([command, code, stderr]).toEqual([command, 0, ''])
      expect(stdout).toContain(`Usage: velocast ${command}`)
      expect(stdout).toContain('--json')
      expect(documented).toContain(`velocast ${command}`)
    }
  })
})

describe('wrong usage ends with exit code 2, says what is wrong with the value, and starts nothing', () => {
  test.each([
    [['fly'], "unknown command 'fly'"],
    [['run', 'kitchen'], 'kitchen'],
    [['up', '--source', 'replay'], '--from'],
    [['up', '--source', 'replay', '--from', 'x'], '--system'],
    [['up', '--port', 'many'], 'many'],
    [['compact', 'daily', '--day', '2026-02-30'], '2026-02-30'],
    [['compact', 'monthly', '--month', '2026-13'], '2026-13'],
    [['compact', 'daily', '--day', '2026-02-03', '--system', 'No System'], 'No System'],
    [['simulate', '--gbfs', '4.0'], '4.0'],
    [['up', '--source', 'simulate', '--until-exhausted'], '--until-exhausted needs --source replay'],
    [['up', '--source', 'replay', '--from', 'x', '--system', 'y', '--timezone', 'Mars/Base'], 'Mars/Base'],
    [['train', '--system', 'x', '--timezone', 'Mars/Base'], 'Mars/Base'],
    [['parity', '--day', '2026-02-03', '--system', 'nowhere'], 'has no files in the store'],
    [['models', 'list', '--system', 'nowhere'], 'has no files in the store'],
    [['dlq', 'show', '--offset', '3'], '--offset needs --partition'],
    [['dlq', 'list', '--limit', '-3'], '0 or more, got -3'],
    [backtestOf({ out: 'no-such-directory/scores.json' }), 'no-such-directory'],
    [backtestOf({ stations: 'README.md' }), 'station_id'],
    [backtestOf({ status: 'nowhere.parquet', stations: STATIONS }), 'nowhere.parquet'],
  ])('velocast %j', async (args, said) => {
    const { code, stdout, stderr } = await run(args, { VELOCAST_DATA: join(directory, 'unused') })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('    at ')
  })

  test('also as JSON when asked for', async () => {
    for (const args of [
      ['compact', 'daily', '--day', '2026-02-30', '--json'],
      ['fly', '--json'],
    ]) {
      const { code, stderr } = await run(args)
      expect(code).toBe(2)
      const { error } = JSON.parse(stderr) as { error: { code: string; message: string } }
      expect(error.code).toBe('request_invalid')
      expect(error.message).toMatch(/2026-02-30|fly/)
    }
  })

  test('unknown configuration keys are all named, as JSON when asked for', async () => {
    const file = join(directory, 'wrong.yaml')
    await writeFile(file, 'horizons: [7]\ncolour: red\n')
    const { code, stderr } = await run(['config', '--config', file, '--json'])
    expect(code).toBe(2)
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string } }
    expect(error.code).toBe('config_invalid')
    expect(error.message).toMatch(/horizons\.0/)
    expect(error.message).toMatch(/colour: unknown key/)
  })
})

test('a schema that breaks an earlier one stops the start with its subject and the reason', async () => {
  const data = join(directory, 'tampered')
  expect((await run(['topics', '--data', data])).code).toBe(0)
  const file = join(data, 'schemas', 'schemas.json')
  await writeFile(file, tampered(readFileSync(file, 'utf8')))
  const { code, stderr } = await run(['topics', '--data', data])
  expect(code).toBe(1)
  expect(stderr).toContain('[schema_incompatible]')
  expect(stderr).toContain('StationObservation')
})

/** Makes an observation's `bikes` a text in the registry's record of earlier schemas. */
function tampered(text: string): string {
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const field = node as { name?: string; type?: unknown }
    if (field.name === 'bikes' && Array.isArray(field.type)) field.type = ['null', 'string']
    for (const child of Object.values(node)) walk(child)
  }
  const json = JSON.parse(text) as unknown
  walk(json)
  return JSON.stringify(json)
}

test('what compact and export find nothing for is no fault: they say so', async () => {
  const data = join(directory, 'empty')
  const { code, stdout } = await run(['compact', 'daily', '--day', '2026-02-03', '--data', data, '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject([
    { system: 'velib', day: '2026-02-03', outcome: 'nothing', rows: 0 },
  ])
})

test('what cannot be shown or undone is not passed off as done', async () => {
  const data = join(directory, 'nothing')
  const parity = await run(['parity', '--day', '2026-02-03', '--data', data])
  expect([parity.code, parity.stderr]).toEqual([1, ''])
  expect(parity.stdout).toContain('nothing was compared')
  const rollback = await run(['models', 'rollback', '--data', data])
  expect(rollback.code).toBe(1)
  expect(rollback.stderr).toMatch(/no trained version to roll back from.*velib \[model_not_found\]/)
})

test('doctor names every finding with its remedy and exits 3 when a feed cannot be reached', async () => {
  const file = join(directory, 'closed.yaml')
  await writeFile(file, 'systems:\n  - { id: closed, discovery_url: "http://127.0.0.1:9/gbfs.json" }\n')
  const { code, stdout, stderr } = await run([
    'doctor',
    '--config',
    file,
    '--data',
    join(directory, 'doctor'),
    '--json',
  ])
  expect([code, stderr]).toEqual([3, ''])
  const findings = JSON.parse(stdout) as { name: string; ok: boolean; remedy: string | null }[]
  expect(findings.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['feed closed'])
  expect(findings.every(({ ok, remedy }) => ok === (remedy === null))).toBe(true)
  expect(findings.length).toBeGreaterThanOrEqual(5)
})

test('up runs a simulated city, answers over HTTP, and ends with 0 on SIGTERM with nothing on stderr', async () => {
  const { child, ended } = startVelocast([
    'up',
    '--source',
    'simulate',
    '--stations',
    '40',
    '--port',
    '0',
    '--json',
    '--data',
    join(directory, 'up'),
  ])
  const first = await new Promise<string>((resolve) =>
    child.stdout?.once('data', (chunk) => resolve(String(chunk))),
  )
  const { url } = JSON.parse(first) as { url: string }
  let answer: { systems: { state: { source: string; stations: number } | null }[] } | undefined
  for (let tries = 0; tries < 200 && !answer?.systems[0]?.state; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    answer = (await (await fetch(`${url}/v1/systems`)).json()) as typeof answer
  }
  expect(answer?.systems[0]?.state).toMatchObject({ source: 'simulate', stations: 40 })
  child.kill('SIGTERM')
  expect(await ended).toMatchObject({ code: 0, stderr: '' })
})

test('up whose data directory is removed ends with 3 and says so; one that cannot be made ends too', async () => {
  const data = join(directory, 'removed', 'data')
  const city = [
    'up',
    '--source',
    'simulate',
    '--stations',
    '20',
    '--speed',
    '60',
    '--no-history',
    '--port',
    '0',
  ]
  const { child, ended } = startVelocast([...city, '--data', data])
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  await rm(data, { recursive: true, maxRetries: 10 })
  const { code, stderr } = await ended
  expect(code).toBe(3)
  expect(stderr).toMatch(
    /was removed or replaced while it was in use.*removed\/data.*\[(store_bucket_missing|log_unreachable)\]/,
  )
  const nowhere = await run([...city, '--data', '/proc/velocast'])
  expect([nowhere.code, nowhere.stdout]).toEqual([3, ''])
  expect(nowhere.stderr).toContain('/proc/velocast/log.sqlite [log_unreachable]')
})
