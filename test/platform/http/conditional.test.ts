import fc from 'fast-check'
import { fastify } from 'fastify'
import { expect, test } from 'vitest'
import { answerConditionally, contentTag, matchesTag } from '../../../services/platform/http/conditional.ts'

test('equal bodies have equal tags, and other bodies have others', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      expect(contentTag(a) === contentTag(b)).toBe(a === b)
      expect(contentTag(Buffer.from(a))).toBe(contentTag(a))
    }),
  )
})

test.each([
  ['"abc"', true],
  ['W/"abc"', true],
  ['"x", "abc"', true],
  ['*', true],
  ['"ab"', false],
  ['abc', false],
  [undefined, false],
])('If-None-Match %s is judged as RFC 9110 says', (header, expected) => {
  expect(matchesTag({ header, tag: '"abc"' })).toBe(expected)
})

test('a body that the client has is not sent again, and errors carry no tag', async () => {
  const server = fastify()
  await answerConditionally(server)
  server.get('/', () => ({ a: 1 }))
  server.get('/gone', (_, reply) => reply.code(404).send({ error: 'gone' }))
  const first = await server.inject('/')
  const tag = first.headers.etag
  expect(tag).toMatch(/^"[\w-]{32}"$/)
  const second = await server.inject({ url: '/', headers: { 'if-none-match': `"other", ${tag}` } })
  expect(second.statusCode).toBe(304)
  expect(second.body).toBe('')
  expect(second.headers.etag).toBe(tag)
  expect((await server.inject('/gone')).headers.etag).toBeUndefined()
  await server.close()
})
