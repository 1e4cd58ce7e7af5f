import { expect, test } from 'vitest'
import { VelocastError } from '../../../services/platform/errors.ts'
import { errorAnswer } from '../../../services/platform/http/error-answer.ts'

const requestId = 'r-1'

test.each([
  ['not_found', 404],
  ['request_invalid', 400],
  ['look_up_store_unreachable', 503],
  ['store_unreachable', 503],
  ['listeners_full', 503],
] as const)('%s is answered with %i, its code and its message', (code, status) => {
  const error = new VelocastError({ code, message: 'thing is wrong: x' })
  expect(errorAnswer({ error, requestId })).toEqual({
    status,
    body: { error: { code, message: 'thing is wrong: x' } },
  })
})

test('what is not meant for a client stays in the log', () => {
  for (const error of [
    new Error('password is hunter2'),
    new VelocastError({ code: 'config_invalid', message: 'password is hunter2' }),
    'hunter2',
  ]) {
    const { status, body } = errorAnswer({ error, requestId })
    expect(status).toBe(500)
    expect(body.error.code).toBe('internal')
    expect(body.error.message).not.toContain('hunter2')
    expect(body.error.message).toContain(requestId)
  }
})

test('a client error of the framework keeps its status', () => {
  const error = Object.assign(new Error('body is too large'), { statusCode: 413 })
  expect(errorAnswer({ error, requestId })).toEqual({
    status: 413,
    body: { error: { code: 'request_invalid', message: 'body is too large' } },
  })
})
