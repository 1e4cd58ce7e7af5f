import type { Logger } from 'pino'
import { VelocastError } from '../errors.ts'
import { openGcsStore } from './gcs.ts'
import { openLocalStore } from './local.ts'
import { mirrorStore } from './mirror.ts'
import type { ObjectStore } from './port.ts'
import { gcsRoot, STORAGE_ROOT_RULE } from './root.ts'

export interface OpenObjectStoreOptions {
  /** `gs://bucket/prefix` or a directory. */
  root: string
  /** A second root that gets a copy of every object. */
  mirror?: string | undefined
  /** Address of a GCS emulator. */
  gcsEndpoint?: string | undefined
  /** As `GcsStoreOptions.maxRetries`. */
  maxRetries?: number
  logger?: Logger
}

/** The object store that a configuration's `storage` section names. A mirror is first brought up to date, in the background. */
export async function openObjectStore(options: OpenObjectStoreOptions): Promise<ObjectStore> {
  const { root, mirror, logger } = options
  const primary = await openRoot(root, options)
  if (mirror === undefined) return primary
  const store = mirrorStore({
    primary,
    secondary: await openRoot(mirror, options),
    onLag: ({ path, pending, error }) =>
      logger?.warn(
        { err: error, path, pending, mirror },
        'mirror lags, the copy is tried again with the next write',
      ),
  })
  store.reconcile().then(
    (done) => logger?.info({ ...done, mirror }, 'mirror is up to date'),
    (error) => logger?.warn({ err: error, mirror }, 'mirror could not be brought up to date'),
  )
  return store
}

async function openRoot(
  root: string,
  { gcsEndpoint: apiEndpoint, maxRetries }: OpenObjectStoreOptions,
): Promise<ObjectStore> {
  if (!root.includes('://')) return openLocalStore({ root })
  const place = gcsRoot(root)
  if (place === null) {
    throw new VelocastError({ code: 'config_invalid', message: `storage root ${STORAGE_ROOT_RULE}: ${root}` })
  }
  return openGcsStore({ ...place, apiEndpoint, ...(maxRetries === undefined ? {} : { maxRetries }) })
}
