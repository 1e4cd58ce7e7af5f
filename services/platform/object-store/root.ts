const GCS_ROOT = /^gs:\/\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:\/(.*?))?\/*$/
/** Longest part of a bucket's name between dots. */
const LONGEST_PART = 63

/** What is said of a storage root that is none. */
export const STORAGE_ROOT_RULE =
  'must be a directory, or gs://bucket/prefix with a bucket of 3 to 63 lower-case letters, digits, dots, hyphens and underscores'

/** Bucket and prefix of `gs://bucket/prefix`, null for anything else. */
export function gcsRoot(root: string): { bucket: string; prefix: string } | null {
  const [, bucket, prefix = ''] = GCS_ROOT.exec(root) ?? []
  if (bucket === undefined || bucket.split('.').some((part) => part.length > LONGEST_PART)) return null
  return { bucket, prefix }
}

/** A directory's path or a well-formed address of a bucket; says nothing of whether it is there. */
export function isStorageRoot(root: string): boolean {
  return !root.includes('://') || gcsRoot(root) !== null
}
