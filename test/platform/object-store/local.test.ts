import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openLocalStore } from '../../../services/platform/object-store/local.ts'
import { describeObjectStore } from './object-store.conformance.ts'

const directory = mkdtempSync(join(tmpdir(), 'velocast-local-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describeObjectStore('local directory', {
  open: (name) => openLocalStore({ root: join(directory, name) }),
  async openMissing() {
    writeFileSync(join(directory, 'a-file'), '')
    return openLocalStore({ root: join(directory, 'a-file', 'store') })
  },
})

test('no temporary file is left, whether a write succeeded or was refused', async () => {
  const root = join(directory, 'tidy')
  const store = await openLocalStore({ root })
  await store.put('a', Buffer.from('1'), { ifGeneration: 'absent' })
  await store.put('a', Buffer.from('2'), { ifGeneration: 'absent' }).catch(() => undefined)
  expect(await readdir(join(root, '.velocast', 'temporary'))).toEqual([])
})

test.each(['removed', 'replaced'])(
  'a store that was %s under a process takes no write: it would be half a store',
  async (how) => {
    const root = join(directory, how)
    const store = await openLocalStore({ root })
    await store.put('system/a', Buffer.from('1'))
    rmSync(root, { recursive: true })
    if (how === 'replaced') await openLocalStore({ root })
    const refused = { code: 'store_bucket_missing', retryable: false, message: expect.stringContaining(root) }
    await expect(store.put('system/a', Buffer.from('2'))).rejects.toMatchObject(refused)
    await expect(store.delete('system/a', 'any')).rejects.toMatchObject(refused)
    expect(existsSync(join(root, 'system'))).toBe(false)
  },
)

test('the directory of temporary files is made anew when only it was removed', async () => {
  const root = join(directory, 'swept')
  const store = await openLocalStore({ root })
  rmSync(join(root, '.velocast', 'temporary'), { recursive: true })
  await store.put('a', Buffer.from('1'))
  expect((await store.get('a'))?.bytes.toString()).toBe('1')
})

test('processes that write at once lose no step, and a killed one blocks nobody', {
  timeout: 20_000,
}, async () => {
  const root = join(directory, 'processes')
  const store = await openLocalStore({ root })
  await store.put('counter', Buffer.from('0'))
  const start = () => fork(new URL('./local-writer.ts', import.meta.url), [root], { execArgv: [] })
  const killed = start()
  await once(killed, 'message')
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  const before = Number((await store.get('counter'))?.bytes)
  const writers = [start(), start()]
  const steps = await Promise.all(
    writers.map(async (writer) => {
      let counted = 0
      writer.on('message', (message) => {
        counted = Number(message)
      })
      await once(writer, 'exit')
      return counted
    }),
  )
  expect(steps).toEqual([50, 50])
  expect(Number((await store.get('counter'))?.bytes)).toBe(before + 100)
})

const MOUNT = 'mount'
const isRoot = process.getuid?.() === 0

test.skipIf(!isRoot)(
  'a full disk is store_full, keeps the old object, and goes on when there is space (needs root for a small tmpfs)',
  async () => {
    const root = join(directory, 'full')
    mkdirSync(root)
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', root])
    try {
      const store = await openLocalStore({ root })
      const ballast = await store.put('ballast', Buffer.alloc(150_000))
      await store.put('state', Buffer.from('old'))
      const refused = { code: 'store_full', retryable: true }
      await expect(store.put('state', Buffer.alloc(150_000))).rejects.toMatchObject(refused)
      expect((await store.get('state'))?.bytes.toString()).toBe('old')
      expect(await readdir(join(root, '.velocast', 'temporary'))).toEqual([])
      await store.delete('ballast', ballast.generation)
      expect((await store.put('state', Buffer.alloc(150_000))).size).toBe(150_000)
    } finally {
      execFileSync(`u${MOUNT}`, ['--lazy', root])
    }
  },
)

test.skipIf(isRoot)(
  'a directory without the right to write is store_credentials (root may write everywhere)',
  async () => {
    const root = join(directory, 'locked')
    mkdirSync(root, { mode: 0o500 })
    await expect(openLocalStore({ root })).rejects.toMatchObject({ code: 'store_credentials' })
  },
)
