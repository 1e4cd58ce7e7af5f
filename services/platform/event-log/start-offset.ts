/**
 * Where to begin when asked for `offset` of a partition that holds [first, end). An offset that the log does not have
 * is not this log's: it was deleted before it was read, or the log was made anew. Then all that is there is read
 * (effects are idempotent), or nothing when the group wants only the latest.
 */
export function startOffset(options: {
  offset: number | null
  first: number
  end: number
  from: 'earliest' | 'latest' | undefined
}): number {
  const { offset, first, end, from } = options
  if (offset !== null && offset >= first && offset <= end) return offset
  return offset === null || offset > end ? (from === 'latest' ? end : first) : first
}
