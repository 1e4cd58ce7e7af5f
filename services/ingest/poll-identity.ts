import { createHash } from 'node:crypto'

/** `20241105T075500Z`, with `.123` before the Z where there are milliseconds. */
function basicTime(utc: number): string {
  return new Date(utc).toISOString().replaceAll(/[-:]/g, '').replace('.000Z', 'Z')
}

/**
 * A poll's id: a function of what it carried, so that replaying a file gives the same one. `<published, else fetched>-
 * <first 12 of the content>` for an answer that was taken or refused, `<fetched>-<outcome>` for one that carried nothing new.
 */
export function contentPollId(options: {
  publishedUtc: number | null
  fetchedUtc: number
  content: string
}): string {
  return `${basicTime(options.publishedUtc ?? options.fetchedUtc)}-${options.content.slice(0, 12)}`
}

export function emptyPollId(options: { fetchedUtc: number; outcome: string }): string {
  return `${basicTime(options.fetchedUtc)}-${options.outcome}`
}

/** W3C `traceparent` of a poll: one trace and span a poll, from its id, so that a replay gives the same. */
export function traceparent(system: string, pollId: string): string {
  const hash = createHash('sha256').update(`${system}/${pollId}`).digest('hex')
  return `00-${hash.slice(0, 32)}-${hash.slice(32, 48)}-01`
}
