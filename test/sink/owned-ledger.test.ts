import { expect, test } from 'vitest'
import { claimSinkLedger } from '../../services/sink/ledger.ts'
import { forgetful } from '../platform/object-store/forgetful.ts'
import { openTown } from './town.ts'

/** Guards against an owner that takes its own write for another's, and ends for it. */
test('an owner whose write came through without an answer goes on over it', async () => {
  const { platform } = await openTown()
  const store = forgetful(platform.objects)
  const owned = await claimSinkLedger(store.objects, 3)
  await owned.write({ position: 10 })
  store.lose(true)
  await expect(owned.write({ position: 20 })).rejects.toMatchObject({ code: 'store_unreachable' })
  store.lose(false)
  await owned.write({ position: 30 })
  expect(owned.ledger).toMatchObject({ epoch: 1, position: 30 })
  const next = await claimSinkLedger(platform.objects, 3)
  expect(next.ledger).toMatchObject({ epoch: 2, position: 30 })
  await expect(owned.write({ position: 40 })).rejects.toMatchObject({ code: 'store_precondition_failed' })
  expect((await claimSinkLedger(platform.objects, 3)).ledger).toMatchObject({ epoch: 3, position: 30 })
})

/** Guards against two owners of one epoch: those that claim at once would write the same bytes. */
test('those that claim at once have epochs of their own, and the last may write alone', async () => {
  const { platform } = await openTown()
  const claims = await Promise.all([1, 2, 3].map(() => claimSinkLedger(platform.objects, 3)))
  const byEpoch = claims.toSorted((a, b) => a.ledger.epoch - b.ledger.epoch)
  expect(byEpoch.map(({ ledger }) => ledger.epoch)).toEqual([1, 2, 3])
  await byEpoch[2]!.write({ position: 5 })
  await expect(byEpoch[0]!.write({ position: 6 })).rejects.toMatchObject({
    code: 'store_precondition_failed',
  })
})
