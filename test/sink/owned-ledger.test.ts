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
