import { setMaxListeners } from 'node:events'
import got, {
  type Request as GotRequest,
  MaxRedirectsError,
  ParseError,
  RequestError,
  TimeoutError,
} from 'got'
import packageJson from '../../package.json' with { type: 'json' }
import type { Config } from '../platform/config.ts'
import { VelocastError } from '../platform/errors.ts'

export const USER_AGENT = `velocast/${packageJson.version}`

type FetchLimits = Pick<Config['ingest'], 'timeout_ms' | 'max_bytes' | 'max_redirects'>

/** What a server said of a file's version; sent back so that it may answer 304. */
export interface Validators {
  url: string
  etag: string | null
  last_modified: string | null
}

export type Fetched = { kind: 'body'; body: Buffer; validators: Validators } | { kind: 'not_modified' }

export interface FetchOptions {
  url: string
  limits: FetchLimits
  /** Of the last answer from the same address; another address asks unconditionally. */
  validators?: Validators | null
  signal?: AbortSignal
}

/** Statuses that may go away by themselves. */
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * One GET, once: follows redirects, decompresses, reads at most `max_bytes` of the decompressed body.
 * Throws VelocastError `feed_unreachable`, `feed_timeout`, `feed_status` (data.status, data.retryAfter as sent),
 * `feed_too_large`, `feed_redirects`; those that another try may mend are retryable.
 */
export async function fetchOnce({ url, limits, validators, signal }: FetchOptions): Promise<Fetched> {
  const headers: Record<string, string> = { 'user-agent': USER_AGENT, accept: 'application/json, */*;q=0.1' }
  if (validators?.url === url) {
    if (validators.etag !== null) headers['if-none-match'] = validators.etag
    if (validators.last_modified !== null) headers['if-modified-since'] = validators.last_modified
  }
  const request = got.stream(url, {
    headers,
    timeout: { request: limits.timeout_ms },
    maxRedirects: limits.max_redirects,
    retry: { limit: 0 },
    throwHttpErrors: false,
    ...(signal === undefined ? {} : { signal }),
  })
  setMaxListeners(0, request)
  try {
    return await readAnswer(request, url, limits.max_bytes)
  } catch (error) {
    throw asFeedError(error, url, limits)
  } finally {
    request.destroy()
  }
}

async function readAnswer(request: GotRequest, url: string, maxBytes: number): Promise<Fetched> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) {
      throw new VelocastError({
        code: 'feed_too_large',
        message: `answer of ${url} is larger than ingest.max_bytes: raise it if this feed is that large, got more than ${maxBytes} bytes`,
        data: { url },
      })
    }
    chunks.push(chunk)
  }
  const { response } = request
  const status = response?.statusCode ?? 0
  if (status === 304) return { kind: 'not_modified' }
  if (status !== 200) {
    throw new VelocastError({
      code: 'feed_status',
      message: `answer of ${url} must have status 200: open the address in a browser to see why, got ${status}`,
      retryable: RETRYABLE.has(status),
      data: { url, status, retryAfter: response?.headers['retry-after'] ?? null },
    })
  }
  return {
    kind: 'body',
    body: Buffer.concat(chunks, size),
    validators: {
      url,
      etag: response?.headers.etag ?? null,
      last_modified: response?.headers['last-modified'] ?? null,
    },
  }
}

function asFeedError(error: unknown, url: string, limits: FetchLimits): unknown {
  if (error instanceof VelocastError) return error
  const data = { url }
  if (error instanceof TimeoutError) {
    return new VelocastError({
      code: 'feed_timeout',
      message: `answer of ${url} did not come in time: raise ingest.timeout_ms if the feed is that slow, got none in ${limits.timeout_ms} ms`,
      retryable: true,
      cause: error,
      data,
    })
  }
  if (error instanceof MaxRedirectsError) {
    return new VelocastError({
      code: 'feed_redirects',
      message: `address ${url} redirects too often: give its final address, got more than ${limits.max_redirects} redirects`,
      cause: error,
      data,
    })
  }
  const known = error instanceof RequestError && !(error instanceof ParseError)
  return new VelocastError({
    code: 'feed_unreachable',
    message: `address ${url} can't be reached: check the network, proxy and address, got ${known ? error.code : ''} ${error instanceof Error ? error.message : String(error)}`,
    retryable: true,
    cause: error,
    data,
  })
}
