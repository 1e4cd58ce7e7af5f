import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { type Bucket, type File, IdempotencyStrategy, Storage } from '@google-cloud/storage'
import { gcsError, isAbsent, isPreconditionFailure, type Place } from './gcs-error.ts'
import { compareBytes, objectMissing, preconditionFailed, requireObjectPath } from './path.ts'
import type { ObjectInfo, ObjectStore, PutOptions } from './port.ts'

export interface GcsStoreOptions {
  bucket: string
  /** Path below which every object lives, without slashes at its ends; empty for the whole bucket. */
  prefix?: string
  /** Address of an emulator; requests to it carry no credentials. */
  apiEndpoint?: string | undefined
  /** Without it the client finds the project of its own credentials. */
  projectId?: string
  /** How often a request is sent again before the error reaches the caller. Default 3. */
  maxRetries?: number
}

/** From this size on an upload is resumable: one more request, and a lost connection costs a piece, not the whole. */
const RESUMABLE_BYTES = 8 * 1024 * 1024
/** A request that was not answered after its retries is given to the caller's own backoff after this. */
const RETRY_SECONDS = 60
/**
 * The client reads an answer through two pipelines at once, its own and its HTTP library's: 12 listeners on one of more
 * than 64 KiB, whatever its size. Node's default of 10 would take them for a leak.
 */
const ANSWER_LISTENERS = 16
/** Custom metadata that names one call of `put` or `upload`. */
const WRITE_ID = 'velocast-write'

/**
 * Objects in Google Cloud Storage. Credentials are the environment's (Application Default Credentials). The
 * generation is the object's own. Every transfer is checked by CRC32C; downloads and uploads stream.
 *
 * Each write carries an id of its own in the object's metadata, so a conditional write whose answer was lost, and
 * that is refused when sent again, is known to have succeeded. That makes every request safe to send again.
 */
export function openGcsStore(options: GcsStoreOptions): ObjectStore {
  const { bucket: name, prefix = '', apiEndpoint, projectId, maxRetries = 3 } = options
  const storage = new Storage({
    ...(apiEndpoint === undefined ? {} : { apiEndpoint, projectId: projectId ?? 'emulator' }),
    ...(projectId === undefined ? {} : { projectId }),
    retryOptions: {
      autoRetry: maxRetries > 0,
      maxRetries,
      totalTimeout: RETRY_SECONDS,
      idempotencyStrategy: IdempotencyStrategy.RetryAlways,
    },
  })
  const bucket = storage.bucket(name)
  const below = prefix === '' ? '' : `${prefix}/`
  const place: Place = { bucket: name, root: `gs://${name}/${prefix}` }
  const fileOf = (path: string, generation?: string): File => {
    requireObjectPath(path)
    return bucket.file(`${below}${path}`, generation === undefined ? {} : { generation })
  }

  async function send(
    path: string,
    put: PutOptions,
    write: (file: File, settings: WriteSettings) => Promise<void>,
  ) {
    const file = fileOf(path)
    const id = randomUUID()
    const { ifGeneration, contentType } = put
    try {
      await write(file, {
        metadata: { metadata: { [WRITE_ID]: id }, ...(contentType === undefined ? {} : { contentType }) },
        validation: 'crc32c',
        ...(ifGeneration === undefined
          ? {}
          : { preconditionOpts: { ifGenerationMatch: ifGeneration === 'absent' ? 0 : ifGeneration } }),
      })
      return infoOf(path, file.metadata)
    } catch (error) {
      if (!isPreconditionFailure(error) || ifGeneration === undefined) throw gcsError({ error, path, place })
      const found = await metadataOf(path)
      if (found?.writeId === id) return found.info
      throw preconditionFailed(path, ifGeneration, found?.info.generation ?? null)
    }
  }

  async function metadataOf(path: string): Promise<{ info: ObjectInfo; writeId: unknown } | null> {
    try {
      const [metadata] = await fileOf(path).getMetadata()
      return { info: infoOf(path, metadata), writeId: metadata.metadata?.[WRITE_ID] }
    } catch (error) {
      if (isAbsent(error)) {
        await requireBucket(bucket, place)
        return null
      }
      throw gcsError({ error, path, place })
    }
  }

  /** Reads the generation that is there now; tries once more for each that was replaced meanwhile. */
  async function read<T>(
    path: string,
    use: (file: File) => Promise<T>,
  ): Promise<{ info: ObjectInfo; value: T } | null> {
    for (;;) {
      const found = await metadataOf(path)
      if (found === null) return null
      try {
        return { info: found.info, value: await use(fileOf(path, found.info.generation)) }
      } catch (error) {
        if (!isAbsent(error)) throw gcsError({ error, path, place })
      }
    }
  }

  return {
    async get(path) {
      const found = await read(path, (file) => buffer(contentOf(file)))
      return found === null ? null : { ...found.info, bytes: found.value }
    },
    put: (path, bytes, put = {}) =>
      send(path, put, (file, settings) =>
        file.save(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
          ...settings,
          resumable: bytes.byteLength >= RESUMABLE_BYTES,
        }),
      ),
    async list(pathPrefix) {
      try {
        const [files] = await bucket.getFiles({ prefix: `${below}${pathPrefix}` })
        return files
          .map((file) => infoOf(file.name.slice(below.length), file.metadata))
          .sort((a, b) => compareBytes(a.path, b.path))
      } catch (error) {
        throw gcsError({ error, path: pathPrefix, place })
      }
    },
    async delete(path, generation) {
      try {
        await fileOf(path).delete({ ifGenerationMatch: generation })
      } catch (error) {
        if (isAbsent(error)) return requireBucket(bucket, place)
        if (!isPreconditionFailure(error)) throw gcsError({ error, path, place })
        const found = await metadataOf(path)
        if (found !== null) throw preconditionFailed(path, generation, found.info.generation)
      }
    },
    async download(path, file) {
      const found = await read(path, (source) => pipeline(contentOf(source), createWriteStream(file)))
      if (found === null) throw objectMissing(path)
      return found.info
    },
    upload: (local, path, put = {}) =>
      send(path, put, async (file, settings) => {
        const { size } = await stat(local)
        await file.save(() => createReadStream(local), { ...settings, resumable: size >= RESUMABLE_BYTES })
      }),
  }
}

interface WriteSettings {
  metadata: { metadata: Record<string, string>; contentType?: string }
  validation: 'crc32c'
  preconditionOpts?: { ifGenerationMatch: number | string }
}

/** Bytes of an object, checked by CRC32C at their end. */
function contentOf(file: File): Readable {
  return file
    .createReadStream({ validation: 'crc32c' })
    .on('response', (answer: Readable) => answer.setMaxListeners(ANSWER_LISTENERS))
}

function infoOf(path: string, metadata: File['metadata']): ObjectInfo {
  return { path, size: Number(metadata.size), generation: String(metadata.generation) }
}

/** An object that is absent says nothing of its bucket, whose absence is an error. */
async function requireBucket(bucket: Bucket, place: Place): Promise<void> {
  try {
    await bucket.getMetadata()
  } catch (error) {
    const mapped = gcsError({ error, path: '', place })
    // An account may read objects without the right to read the bucket itself: then the bucket is there.
    if ((error as { code?: unknown }).code !== 403) throw mapped
  }
}
