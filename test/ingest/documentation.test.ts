import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { POLL_OUTCOMES } from '../../services/domain/poll.ts'
import { READING_CODES } from '../../services/domain/reading-error.ts'
import { REFUSAL_REASONS } from '../../services/domain/status.ts'
import { ERROR_CODES } from '../../services/platform/errors.ts'

const page = readFileSync(new URL('../../docs/ingest.md', import.meta.url), 'utf8')
/** First cells of the tables of outcomes and reasons. */
const part = page.slice(page.indexOf('## Polls'), page.indexOf('## Weather'))
const rows = new Set([...part.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name]) => name))

test('every refusal reason, outcome and feed code is documented', () => {
  const feedCodes = ERROR_CODES.filter((code) => code.startsWith('feed_'))
  for (const name of [...REFUSAL_REASONS, ...POLL_OUTCOMES, ...feedCodes]) expect(rows).toContain(name)
})

test('every reason on the page is one that the code knows', () => {
  const known = new Set<string>([...REFUSAL_REASONS, ...POLL_OUTCOMES, ...ERROR_CODES])
  expect([...rows].filter((name) => !known.has(name ?? ''))).toEqual([])
})

test('what the ground floor refuses, the platform has a code for', () => {
  for (const code of READING_CODES) expect(ERROR_CODES).toContain(code)
})
