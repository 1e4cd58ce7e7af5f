import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const CHILD = fileURLToPath(new URL('./loading-child.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'velocast-telemetry-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('the inference runtime leaves no id of the machine, no cache of reports and no log behind', () => {
  const home = join(directory, 'home')
  const temporary = join(directory, 'temporary')
  for (const each of [home, temporary]) mkdirSync(each)
  const { PATH = '' } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, [CHILD], {
    env: { PATH, HOME: home, TMPDIR: temporary },
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).not.toBe('')
  expect(readdirSync(directory, { recursive: true })).toEqual(['home', 'temporary'])
})
