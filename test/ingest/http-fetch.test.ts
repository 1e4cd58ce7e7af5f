import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchOnce, USER_AGENT } from '../../services/ingest/http-fetch.ts'
import { retryAfterMs, withRetries } from '../../services/ingest/http-retry.ts'
import { pollInterval } from '../../services/ingest/poll-interval.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import { type FeedServer, sendJson, startFeedServer } from './feed-server.ts'
import { ManualClock } from './manual-clock.ts'

const limits = { timeout_ms: 250, max_bytes: 10_000, max_redirects: 3 }
let server: FeedServer
beforeAll(async () => {
  server = await startFeedServer()
})
afterAll(() => server.close())

const fetchPath = (path: string, more: Partial<Parameters<typeof fetchOnce>[0]> = {}) =>
  fetchOnce({ url: `${server.url}${path}`, limits, ...more })

async function codeOf(attempt: Promise<unknown>): Promise<[string, boolean]> {
  const error = await attempt.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(VelocastError)
  const { code, retryable } = error as VelocastError
  return [code, retryable]
}

describe('one request', () => {
  test('says who asks, and gives body and validators', async () => {
    server.serve('/ok', (_, response) =>
      sendJson(response, { a: 1 }, { etag: '"v1"', 'last-modified': 'Tue, 05 Nov 2024 08:00:00 GMT' }),
    )
    const fetched = await fetchPath('/ok')
    expect(fetched).toEqual({
      kind: 'body',
      body: Buffer.from('{"a":1}'),
      validators: { url: `${server.url}/ok`, etag: '"v1"', last_modified: 'Tue, 05 Nov 2024 08:00:00 GMT' },
    })
    expect(server.requests.at(-1)?.headers['user-agent']).toBe(USER_AGENT)
    expect(USER_AGENT).toMatch(/^velocast\/\d/)
  })

  test('is conditional with validators of the same address only', async () => {
    server.serve('/etag', (request, response) => {
      if (request.headers['if-none-match'] === '"v1"') response.writeHead(304).end()
      else sendJson(response, {})
    })
    const validators = { url: `${server.url}/etag`, etag: '"v1"', last_modified: null }
    expect(await fetchPath('/etag', { validators })).toEqual({ kind: 'not_modified' })
    expect(
      await fetchPath('/etag', { validators: { ...validators, url: 'http://elsewhere/' } }),
    ).toMatchObject({ kind: 'body' })
  })

  test('reads compressed answers, and counts what they unpack to', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(5000) })
    const gzip = (text: string) => (_: unknown, response: import('node:http').ServerResponse) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text))
    server.serve('/gzip', gzip(body))
    expect(await fetchPath('/gzip')).toMatchObject({ body: Buffer.from(body) })
    server.serve('/bomb', gzip('0'.repeat(1_000_000)))
    expect(await codeOf(fetchPath('/bomb'))).toEqual(['feed_too_large', false])
  })

  test('does not mind a wrong content type', async () => {
    server.serve('/html', (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('{}'))
    expect(await fetchPath('/html')).toMatchObject({ kind: 'body' })
  })

  test('follows redirects up to the limit', async () => {
    server.serve('/moved', (_, response) => response.writeHead(302, { location: '/ok' }).end())
    expect(await fetchPath('/moved')).toMatchObject({ kind: 'body' })
    server.serve('/loop', (_, response) => response.writeHead(302, { location: '/loop' }).end())
    expect(await codeOf(fetchPath('/loop'))).toEqual(['feed_redirects', false])
    expect(server.count('/loop')).toBe(limits.max_redirects + 1)
  })

  test.each([
    [404, false],
    [403, false],
    [429, true],
    [500, true],
    [503, true],
  ])('status %i is refused', async (status, retryable) => {
    server.serve('/status', (_, response) => response.writeHead(status).end('no'))
    expect(await codeOf(fetchPath('/status'))).toEqual(['feed_status', retryable])
  })

  test('a server that hangs, at once or in the middle of the body, is a timeout', async () => {
    server.serve('/hang', () => {})
    expect(await codeOf(fetchPath('/hang'))).toEqual(['feed_timeout', true])
    server.serve('/half-hang', (_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"half":')
    })
    expect(await codeOf(fetchPath('/half-hang'))).toEqual(['feed_timeout', true])
  })

  test('half a body is no body', async () => {
    server.serve('/half', (_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"half":', () => response.destroy())
    })
    expect(await codeOf(fetchPath('/half'))).toEqual(['feed_unreachable', true])
  })

  test('a body that never ends is cut at the limit', async () => {
    server.serve('/flood', (_, response) => {
      response.writeHead(200)
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(5000), () => setImmediate(more))
      }
      more()
    })
    expect(await codeOf(fetchPath('/flood'))).toEqual(['feed_too_large', false])
  })

  test('nobody there, or no such host, can be tried again', async () => {
    expect(await codeOf(fetchOnce({ url: 'http://127.0.0.1:1/', limits }))).toEqual([
      'feed_unreachable',
      true,
    ])
  })
})

describe('retries', () => {
  const clock = new ManualClock(Date.UTC(2024, 10, 5, 8))
  const failing = (data: Record<string, unknown> = {}, retryable = true) =>
    new VelocastError({ code: 'feed_status', message: 'm', retryable, data })
  const run = (attempt: () => Promise<string>, stop = new AbortController().signal) =>
    withRetries({ attempt, retries: 3, clock, stop, random: () => 0.5 })

  test('pause 500 ms, doubled each time, and give up with the last error', async () => {
    let tries = 0
    const result = run(async () => {
      tries++
      throw failing()
    })
    const caught = result.catch((error: unknown) => error)
    for (const pause of [500, 1000, 2000]) {
      await clock.settled()
      expect(clock.pauses()).toEqual([pause])
      clock.advance(pause)
    }
    expect(await caught).toBeInstanceOf(VelocastError)
    expect(tries).toBe(4)
  })

  test('obey Retry-After, and end the poll when it is long', async () => {
    const answers = [failing({ retryAfter: '7' }), failing({ retryAfter: '600' })]
    const caught = run(async () => {
      throw answers.shift()
    }).catch((error: unknown) => error)
    await clock.settled()
    expect(clock.pauses()).toEqual([7000])
    clock.advance(7000)
    expect(await caught).toMatchObject({ data: { retryAfterMs: 600_000 } })
  })

  test('are not made for what no retry can mend, nor after a stop', async () => {
    let tries = 0
    const attempt = (error: unknown) => async (): Promise<string> => {
      tries++
      throw error
    }
    await expect(run(attempt(failing({}, false)))).rejects.toBeInstanceOf(VelocastError)
    const stopped = AbortSignal.abort()
    await expect(run(attempt(failing()), stopped)).rejects.toBeInstanceOf(VelocastError)
    expect(tries).toBe(2)
  })

  test('Retry-After is seconds or a date', () => {
    const now = Date.UTC(2024, 10, 5, 8)
    const asked = (retryAfter: unknown) => retryAfterMs(failing({ retryAfter }), now)
    expect(asked('120')).toBe(120_000)
    expect(asked('Tue, 05 Nov 2024 08:00:30 GMT')).toBe(30_000)
    expect(asked('Tue, 05 Nov 2024 07:00:00 GMT')).toBe(0)
    expect(asked('soon')).toBeNull()
    expect(asked(null)).toBeNull()
  })
})

test.each([
  [60, null, 60, false],
  [60, 30, 60, false],
  [60, 60, 60, false],
  [60, 61, 61, false],
  [60, 120, 120, false],
  [60, 121, 60, true],
  [60, 3600, 60, true],
  [60, 0, 60, true],
  [300, 200, 300, false],
])('an interval of %i s and a ttl of %s s poll every %i s', (pollSeconds, ttlSeconds, seconds, ignored) => {
  const interval = pollInterval({ pollSeconds, ttlSeconds })
  expect([interval.seconds, interval.ignored !== null]).toEqual([seconds, ignored])
})
