import { createHash } from 'node:crypto'

/**
 * A traceparent for `work` in its parent's trace (W3C Trace Context): a span of its own, and the same work gives the same
 * span, so that a replay's records are equal. Null without a sound parent.
 */
export function childTraceparent(parent: string | null, work: string): string | null {
  const match = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/.exec(parent ?? '')
  if (match === null) return null
  const span = createHash('sha256').update(work).digest('hex').slice(0, 16)
  return `00-${match[1]}-${span}-${match[2]}`
}
