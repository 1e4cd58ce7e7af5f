import { expect, test } from 'vitest'
import { VelocastError } from '../../services/platform/errors.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { claimSinkLedger } from '../../services/sink/ledger.ts'
import { openTown } from './town.ts'

/** A store that does what it is asked, and of whose puts every answer is lost while `losing` is true. */
function forgetful(objects: ObjectStore): { objects: ObjectStore; lose(yes: boolean): void } {
  let losing = false
  return {
    lose(yes) {
      losing = yes
    },
    objects: {
      ...objects,
      async put(...put) {
        const written = await objects.put(...put)
        if (!losing) return written
        throw new VelocastError({ code: 'store_unreachable', message: 'answer is lost', retryable: true })
      },
    },
  }
}

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
