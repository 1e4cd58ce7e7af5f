import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type LeaseOptions, withLease } from '../../../services/platform/lease/lease.ts'
import { openLocalStore } from '../../../services/platform/object-store/local.ts'
import { ManualClock } from '../../ingest/manual-clock.ts'

const directory = mkdtempSync(join(tmpdir(), 'velocast-lease-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
let stores = 0

async function setting() {
  stores += 1
  const objects = await openLocalStore({ root: join(directory, String(stores)) })
  const clock = new ManualClock(1_000_000)
  const options = (owner: string, over: Partial<LeaseOptions> = {}): LeaseOptions => ({
    objects,
    clock,
    path: 'town/leases/job.json',
    owner,
    ...over,
  })
  return { objects, clock, options }
}

test('one holder at a time, the next with the greater token', async () => {
  const { options } = await setting()
  const tokens: number[] = []
  await withLease(options('a'), async (lease) => {
    tokens.push(lease.token)
    const other = withLease(options('b'), async () => undefined)
    await expect(other).rejects.toMatchObject({ code: 'lease_held', retryable: true, data: { owner: 'a' } })
  })
  await withLease(options('b'), async (lease) => void tokens.push(lease.token))
  expect(tokens).toEqual([1, 2])
})

test('of many that try at once exactly one gets it', async () => {
  const { options } = await setting()
  const done = Promise.withResolvers<void>()
  let held = 0
  const tries = ['a', 'b', 'c', 'd', 'e'].map((owner) =>
    withLease(options(owner), async () => {
      held += 1
      await done.promise
    }).catch((error: { code: string }) => {
      expect(error.code).toBe('lease_held')
      return 'refused'
    }),
  )
  const refused = Promise.all([...tries].map((one) => Promise.race([one, done.promise.then(() => 'late')])))
  await Promise.race([refused, new Promise((resolve) => setTimeout(resolve, 50))])
  done.resolve()
  expect((await Promise.all(tries)).filter((outcome) => outcome === 'refused')).toHaveLength(4)
  expect(held).toBe(1)
})

test('a killed holder keeps it until its time ends, then anyone may take it and the holder learns of its loss', async () => {
  const { clock, options } = await setting()
  const killed = Promise.withResolvers<void>()
  const dead = new ManualClock(clock.now())
  const holding = Promise.withResolvers<void>()
  const first = withLease(options('dead', { clock: dead }), async (lease) => {
    holding.resolve()
    await killed.promise
    await lease.renew()
  })
  await holding.promise
  clock.advance(59_999)
  await expect(withLease(options('b'), async () => 1)).rejects.toMatchObject({ code: 'lease_held' })
  clock.advance(1)
  await withLease(options('b'), async ({ token }) => {
    expect(token).toBe(2)
    killed.resolve()
    await expect(first).rejects.toMatchObject({ code: 'lease_lost' })
  })
})

test('a holder that works long renews by itself', async () => {
  const { clock, options } = await setting()
  await withLease(options('a'), async (lease) => {
    for (let third = 0; third < 9; third += 1) {
      await clock.settled()
      clock.advance(20_000)
    }
    await clock.settled()
    await lease.renew()
    await expect(withLease(options('b'), async () => 1)).rejects.toMatchObject({ code: 'lease_held' })
  })
})

test('a holder whose own time ran out does not renew, though nobody took it', async () => {
  const { clock, options } = await setting()
  const stuck = {
    now: () => clock.now(),
    sleep: (_: number, signal?: AbortSignal) => clock.sleep(1e12, signal),
  }
  await withLease(options('a', { clock: stuck }), async (lease) => {
    clock.advance(60_000)
    await expect(lease.renew()).rejects.toMatchObject({ code: 'lease_lost' })
  })
})

test('waiting gets it when the holder gives it back', async () => {
  const { clock, options } = await setting()
  const done = Promise.withResolvers<void>()
  const first = withLease(options('a'), () => done.promise)
  await clock.settled()
  const second = withLease(options('b', { waitMs: 10_000 }), async ({ token }) => token)
  await clock.settled(2)
  done.resolve()
  await first
  clock.advance(2_000)
  expect(await second).toBe(2)
})

test('a lease that is not JSON is taken, by its generation', async () => {
  const { objects, options } = await setting()
  await objects.put('town/leases/job.json', Buffer.from('{'))
  expect(await withLease(options('a'), async ({ token }) => token)).toBe(1)
})
