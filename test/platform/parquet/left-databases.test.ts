import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { removeLeftDatabases } from '../../../services/platform/parquet/left-databases.ts'

const DUCKDB = new URL('../../../services/platform/parquet/duckdb.ts', import.meta.url).href

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'velocast-left-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

test('the directory of a database goes when its process was killed, not while it lives', async () => {
  const directory = temporary()
  const script = `const { openDuckDb } = await import('${DUCKDB}'); await openDuckDb(); console.log('open'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  await once(child.stdout, 'data')
  const [name] = readdirSync(directory)
  expect(name).toMatch(new RegExp(`^velocast-duckdb-${child.pid}-`))
  expect(await removeLeftDatabases({ directory })).toEqual([])
  child.kill('SIGKILL')
  await ended
  expect(await removeLeftDatabases({ directory })).toEqual([name])
  expect(readdirSync(directory)).toEqual([])
})

test('of directories under its own process id it takes those from before it began', async () => {
  const directory = temporary()
  const [old, own] = ['old', 'own'].map((end) => `velocast-duckdb-${process.pid}-${end}`) as [string, string]
  for (const name of [old, own, 'velocast-duckdb-other', 'another']) mkdirSync(join(directory, name))
  utimesSync(join(directory, old), 1, 1)
  expect(await removeLeftDatabases({ directory })).toEqual([old])
  expect(readdirSync(directory)).toEqual(['another', 'velocast-duckdb-other', own].sort())
})
