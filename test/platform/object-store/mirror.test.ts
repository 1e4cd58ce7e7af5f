import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { VelocastError } from '../../../services/platform/errors.ts'
import { openLocalStore } from '../../../services/platform/object-store/local.ts'
import { mirrorStore } from '../../../services/platform/object-store/mirror.ts'
import type { ObjectStore } from '../../../services/platform/object-store/port.ts'
import { describeObjectStore } from './object-store.conformance.ts'

const directory = mkdtempSync(join(tmpdir(), 'velocast-mirror-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
let pairs = 0

async function pair(given?: string) {
  pairs += 1
  const name = given ?? `pair-${pairs}`
  const primary = await openLocalStore({ root: join(directory, name, 'primary') })
  const secondary = await openLocalStore({ root: join(directory, name, 'secondary') })
  return { primary, secondary }
}

async function contents(store: ObjectStore): Promise<Record<string, string>> {
  const entries = (await store.list('')).map(async ({ path }) => [
    path,
    String((await store.get(path))?.bytes),
  ])
  return Object.fromEntries(await Promise.all(entries))
}

describeObjectStore('mirror', { open: async (name) => mirrorStore(await pair(name)) })

test('the second store holds what the first holds, after puts, overwrites and deletes', async () => {
  const { primary, secondary } = await pair()
  const mirror = mirrorStore({ primary, secondary })
  const gone = await mirror.put('gone', Buffer.from('1'))
  await mirror.put('stays', Buffer.from('2'))
  await mirror.put('stays', Buffer.from('3'))
  await mirror.delete('gone', gone.generation)
  expect(await contents(secondary)).toEqual({ stays: '3' })
  expect(await contents(primary)).toEqual({ stays: '3' })
})

test('a second store that is down stops nothing, is reported, and catches up with the next write', async () => {
  const { primary, secondary } = await pair()
  let down = true
  const flaky: ObjectStore = {
    ...secondary,
    put: async (...put) => {
      if (down)
        throw new VelocastError({ code: 'store_unreachable', message: 'store is down', retryable: true })
      return secondary.put(...put)
    },
  }
  const lags: string[] = []
  const mirror = mirrorStore({ primary, secondary: flaky, onLag: ({ path }) => lags.push(path) })
  await mirror.put('a', Buffer.from('1'))
  expect(await contents(primary)).toEqual({ a: '1' })
  expect([lags, mirror.pending()]).toEqual([['a'], ['a']])
  down = false
  await mirror.put('b', Buffer.from('2'))
  expect(await contents(secondary)).toEqual({ a: '1', b: '2' })
  expect(mirror.pending()).toEqual([])
})

test('reconciling copies what is missing or differs, and leaves alone what only the second has', async () => {
  const { primary, secondary } = await pair()
  await primary.put('missing', Buffer.from('1'))
  await primary.put('shorter', Buffer.from('22'))
  await secondary.put('shorter', Buffer.from('2'))
  await secondary.put('foreign', Buffer.from('x'))
  expect(await mirrorStore({ primary, secondary }).reconcile()).toEqual({ copied: 2 })
  expect(await contents(secondary)).toEqual({ missing: '1', shorter: '22', foreign: 'x' })
})
