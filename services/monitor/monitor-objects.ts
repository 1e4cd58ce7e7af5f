import { hasCode, VelocastError } from '../platform/errors.ts'
import { OwnedObjects } from '../platform/object-store/owned-objects.ts'

/** The monitor's own objects: another owner's version is `log_stale_epoch`, retryable, since a new epoch brings it right. */
export class MonitorObjects extends OwnedObjects {
  override async put(path: string, bytes: Buffer, generation: string | null): Promise<string> {
    return super.put(path, bytes, generation).catch((error: unknown) => {
      if (!hasCode(error, 'store_precondition_failed')) throw error
      throw new VelocastError({
        code: 'log_stale_epoch',
        message: `monitor state was written by another owner, waiting for a new assignment: ${path}`,
        retryable: true,
        cause: error,
      })
    })
  }
}
