import { beforeEach, expect, test } from 'vitest'
import { MonitorObjects } from '../../services/monitor/monitor-objects.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { forgetful } from '../platform/object-store/forgetful.ts'
import { memoryStore } from './memory-store.ts'

const PATH = 'ledger/monitor/p3.json'

let objects: ObjectStore
let store: ReturnType<typeof forgetful>
let owned: MonitorObjects

beforeEach(() => {
  objects = memoryStore()
  store = forgetful(objects)
  owned = new MonitorObjects(store.objects)
})

async function text(): Promise<string | undefined> {
  return (await objects.get(PATH))?.bytes.toString()
}

async function losing(content: string, generation: string | null): Promise<void> {
  store.lose(true)
  await expect(owned.put(PATH, Buffer.from(content), generation)).rejects.toMatchObject({
    code: 'store_unreachable',
  })
  store.lose(false)
}

/** Guards against an owner that takes its own write for another's, and waits for ever for an assignment. */
test('an owner whose write came through without an answer goes on over it, with the same bytes or others', async () => {
  const first = await owned.put(PATH, Buffer.from('1'), null)
  await losing('2', first)
  const second = await owned.put(PATH, Buffer.from('2'), first)
  await losing('3', second)
  await losing('4', second)
  expect(await owned.put(PATH, Buffer.from('5'), second)).toBe((await objects.get(PATH))?.generation)
  expect(await text()).toBe('5')
})

test('a write over another owner is refused, what its own earlier writes were does not matter', async () => {
  const first = await owned.put(PATH, Buffer.from('1'), null)
  await owned.put(PATH, Buffer.from('2'), first)
  const other = new MonitorObjects(objects)
  const taken = (await objects.get(PATH))!.generation
  await other.put(PATH, Buffer.from('other'), taken)
  await expect(owned.put(PATH, Buffer.from('3'), taken)).rejects.toMatchObject({
    code: 'log_stale_epoch',
    retryable: true,
  })
  expect(await text()).toBe('other')
  // What had an answer is no write without one: the same bytes by another hand are another's.
  await objects.put(PATH, Buffer.from('1'))
  await expect(owned.put(PATH, Buffer.from('3'), taken)).rejects.toMatchObject({ code: 'log_stale_epoch' })
})
