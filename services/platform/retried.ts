import type { Clock } from './clock.ts'
import { isRetryable } from './errors.ts'

const TRIES = 8

/** Does the work again while it fails with what a retry may mend: at the end of an input nobody else does. */
export async function retried(work: () => Promise<void>, clock: Pick<Clock, 'sleep'>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isRetryable(error) || tries === TRIES) throw error
      await clock.sleep(250 * 2 ** tries)
    }
  }
}
