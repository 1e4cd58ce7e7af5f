import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeDirectory } from '../../services/platform/directory.ts'

const directory = mkdtempSync(join(tmpdir(), 'velocast-directory-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('parents are made, and the topmost that was is told', () => {
  const deep = join(directory, 'a', 'b', 'c')
  expect(makeDirectory(deep)).toBe(join(directory, 'a'))
  expect(existsSync(deep)).toBe(true)
  expect(makeDirectory(deep)).toBeUndefined()
  expect(makeDirectory(join(deep, 'd'))).toBe(join(deep, 'd'))
})

test('a file in the way is told, as a parent and as the directory itself', () => {
  const file = join(directory, 'file')
  writeFileSync(file, '')
  expect(() => makeDirectory(file)).toThrow(/EEXIST/)
  expect(() => makeDirectory(join(file, 'below'))).toThrow(/ENOTDIR/)
})

test.skipIf(!existsSync('/proc/self'))(
  'a place that takes no names is told at once, not asked for ever',
  () => {
    expect(() => makeDirectory('/proc/velocast/data')).toThrow(/ENOENT/)
  },
)

test('a directory that was removed is made anew', () => {
  const gone = join(directory, 'gone')
  mkdirSync(gone)
  rmSync(gone, { recursive: true })
  expect(makeDirectory(join(gone, 'data'))).toBe(gone)
})
