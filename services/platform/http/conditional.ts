import { createHash } from 'node:crypto'
import etag from '@fastify/etag'
import type { FastifyInstance } from 'fastify'

/** Strong entity tag of a body: a function of its bytes alone, so that every replica gives the same. */
export function contentTag(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url').slice(0, 32)
}

/** Whether an If-None-Match header names the tag; weak comparison (RFC 9110, 13.1.2). */
export function matchesTag({ header, tag }: { header: string | undefined; tag: string }): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  const opaque = tag.replace(/^W\//, '')
  return header.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === opaque)
}

/** Gives every 200 of `scope` a strong ETag by content, and answers 304 to a client that has it already. */
export async function answerConditionally(scope: FastifyInstance): Promise<void> {
  await scope.register(etag, { hashFn: contentTag, replyWith304: false })
  scope.addHook('onSend', async (request, reply, payload) => {
    if (reply.statusCode !== 200) {
      reply.removeHeader('etag')
      return payload
    }
    const tag = reply.getHeader('etag')
    if (typeof tag !== 'string' || !matchesTag({ header: request.headers['if-none-match'], tag })) {
      return payload
    }
    reply.code(304).removeHeader('content-length')
    return ''
  })
}
