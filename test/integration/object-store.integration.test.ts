import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Storage } from '@google-cloud/storage'
import { expect, inject, test } from 'vitest'
import { openGcsStore } from '../../services/platform/object-store/gcs.ts'
import { openObjectStore } from '../../services/platform/object-store/open.ts'
import { describeObjectStore } from '../platform/object-store/object-store.conformance.ts'

const apiEndpoint = inject('gcsEndpoint')!
const bucket = `velocast-conformance-${process.pid}`
await new Storage({ apiEndpoint, projectId: 'test' }).createBucket(bucket)

describeObjectStore('Google Cloud Storage', {
  open: async (name) => openGcsStore({ bucket, prefix: name, apiEndpoint }),
  openMissing: async () => openGcsStore({ bucket: 'velocast-no-such-bucket', apiEndpoint, maxRetries: 0 }),
})

test('a root text opens the same objects as bucket and prefix', async () => {
  const store = await openObjectStore({ root: `gs://${bucket}/deep/prefix/`, gcsEndpoint: apiEndpoint })
  await store.put('a/b', Buffer.from('x'))
  expect(await openGcsStore({ bucket, apiEndpoint }).list('deep/')).toMatchObject([
    { path: 'deep/prefix/a/b' },
  ])
})

test('a server that cannot be reached is a retryable store_unreachable', async () => {
  const store = openGcsStore({ bucket, apiEndpoint: 'http://127.0.0.1:9', maxRetries: 0 })
  const unreachable = { code: 'store_unreachable', retryable: true }
  await expect(store.get('a')).rejects.toMatchObject(unreachable)
  await expect(store.put('a', Buffer.from('x'))).rejects.toMatchObject(unreachable)
  await expect(store.list('')).rejects.toMatchObject(unreachable)
})

test('prints nothing on stderr, whatever the size and the number of its objects', () => {
  const child = fileURLToPath(new URL('./gcs-child.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [child, apiEndpoint, bucket], {
    encoding: 'utf8',
  })
  expect([status, stdout, stderr]).toEqual([0, '60 objects\n', ''])
})
