import { VelocastError } from '../../../services/platform/errors.ts'
import type { ObjectStore } from '../../../services/platform/object-store/port.ts'

/** A store that does what it is asked, and of whose puts every answer is lost while `lose(true)`. */
export function forgetful(objects: ObjectStore): { objects: ObjectStore; lose(yes: boolean): void } {
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
