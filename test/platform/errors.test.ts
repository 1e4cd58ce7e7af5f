import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ERROR_CODES, hasCode, isRetryable, VelocastError } from '../../services/platform/errors.ts'

const documented = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `([a-z_]+)` \|/gm)].map(
  ([, code]) => code,
)

test('every error code is documented, in the same order, and nothing else is', () => {
  expect(documented).toEqual([...ERROR_CODES])
})

test('an error carries its code, cause and data, and is not retryable unless it says so', () => {
  const cause = new Error('below')
  const error = new VelocastError({
    code: 'feed_status',
    message: 'feed answered 503',
    cause,
    data: { status: 503 },
  })
  expect(error).toMatchObject({ code: 'feed_status', retryable: false, cause, data: { status: 503 } })
  expect(hasCode(error, 'feed_status')).toBe(true)
  expect(hasCode(cause, 'feed_status')).toBe(false)
  expect(isRetryable(new VelocastError({ code: 'store_full', message: 'full', retryable: true }))).toBe(true)
  expect(isRetryable(cause)).toBe(false)
})
