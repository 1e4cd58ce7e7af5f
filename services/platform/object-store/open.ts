import type { Logger } from 'pino'
import { VelocastError } from '../errors.ts'
import { openGcsStore } from './gcs.ts'
import { openLocalStore } from './local.ts'
import { mirrorStore } from './mirror.ts'
import type { ObjectStore } from './port.ts'

export interface OpenObjectStoreOptions {
  /** `gs://bucket/prefix` or a directory. */
  root: string
  /** A second root that gets a copy of every object. */
  mirror?: string | undefined
  /** Address of a GCS emulator. */
  gcsEndpoint?: string | undefined
  logger?: Logger
}

/** The object store that a configuration's `storage` section names. A mirror is first brought up to date, in the background. */
export async function openObjectStore(options: OpenObjectStoreOptions): Promise<ObjectStore> {
  const { root, mirror, gcsEndpoint, logger } = options
  const primary = await openRoot(root, gcsEndpoint)
  if (mirror === undefined) return primary
  const store = mirrorStore({
    primary,
    secondary: await openRoot(mirror, gcsEndpoint),
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

async function openRoot(root: string, apiEndpoint: string | undefined): Promise<ObjectStore> {
  if (!root.includes('://')) return openLocalStore({ root })
  const match = /^gs:\/\/([a-z0-9][a-z0-9._-]{1,221}[a-z0-9])(?:\/(.*?))?\/*$/.exec(root)
  if (match === null) {
    throw new VelocastError({
      code: 'config_invalid',
      message: `storage root must be gs://bucket/prefix or a directory: ${root}`,
    })
  }
  return openGcsStore({ bucket: match[1]!, prefix: match[2] ?? '', apiEndpoint })
}
