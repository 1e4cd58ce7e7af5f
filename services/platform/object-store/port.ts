export interface ObjectInfo {
  path: string
  size: number
  /** Opaque version of the content: changes with every write. */
  generation: string
}

export interface StoredObject extends ObjectInfo {
  bytes: Buffer
}

export interface PutOptions {
  /** `absent` writes only where nothing is; a generation writes only over that one. Else `store_precondition_failed`. */
  ifGeneration?: 'absent' | string
  contentType?: string
}

/**
 * Objects by path (`a/b/c.parquet`, no leading slash): Google Cloud Storage, or a local directory.
 * A reader sees a whole object or none. Throws `store_unreachable` (retryable), `store_credentials`,
 * `store_bucket_missing`, `store_full` (retryable), `store_precondition_failed`.
 */
export interface ObjectStore {
  /** Null when there is no such object. */
  get(path: string): Promise<StoredObject | null>
  put(path: string, bytes: Uint8Array, options?: PutOptions): Promise<ObjectInfo>
  /** Every object whose path starts with `prefix`, sorted by path (byte order). */
  list(prefix: string): Promise<ObjectInfo[]>
  /** Deletes that generation only; an absent object is no error, another generation is `store_precondition_failed`. */
  delete(path: string, generation: string): Promise<void>
  /** Streams to a local file, bounded memory. Throws `store_object_missing`. */
  download(path: string, file: string): Promise<ObjectInfo>
  /** Streams from a local file, bounded memory. */
  upload(file: string, path: string, options?: PutOptions): Promise<ObjectInfo>
}
