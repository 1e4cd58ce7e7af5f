import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { openConfluentRegistry } from '../../../services/platform/schema-registry/confluent.ts'

/** Guards against a decoder that waits for the rest of a cut answer for as long as its process lives. */
test('an answer that is cut in the middle is asked for again', async () => {
  const answer = JSON.stringify({ schema: JSON.stringify({ type: 'record', name: 'Town', fields: [] }) })
  let asked = 0
  const server = createServer((_, response) => {
    asked += 1
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
    if (asked > 2) response.end(answer)
    else response.write(answer.slice(0, 20), () => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const registry = openConfluentRegistry({ url: `http://127.0.0.1:${port}`, timeoutMs: 250 })
    expect(await registry.schema(7)).toMatchObject({ name: 'Town' })
    expect(asked).toBe(3)
    asked = -10
    const hasty = openConfluentRegistry({ url: `http://127.0.0.1:${port}`, timeoutMs: 250, retries: 0 })
    await expect(hasty.schema(8)).rejects.toMatchObject({ code: 'registry_unreachable', retryable: true })
  } finally {
    server.close()
  }
})
