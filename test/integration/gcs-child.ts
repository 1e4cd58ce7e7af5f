/** Writes, reads and deletes objects of several sizes at the store in its arguments, and says how many it did. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openGcsStore } from '../../services/platform/object-store/gcs.ts'

const [apiEndpoint = '', bucket = ''] = process.argv.slice(2)
const store = openGcsStore({ bucket, prefix: `quiet-${process.pid}`, apiEndpoint })
const directory = mkdtempSync(join(tmpdir(), 'velocast-quiet-'))
const file = join(directory, 'object')
let count = 0
for (const bytes of [0, 5, 5_000, 100_000, 1_000_000]) {
  const content = Buffer.alloc(bytes, 7)
  const paths = Array.from({ length: 12 }, (_, n) => `${bytes}/${n}`)
  const objects = await Promise.all(paths.map((path) => store.put(path, content)))
  for (const { path, generation } of objects) {
    const found = await store.get(path)
    await store.download(path, file)
    await store.upload(file, path, { ifGeneration: generation })
    await store.put(path, content, { ifGeneration: 'absent' }).catch(() => undefined)
    if (found?.bytes.equals(content)) count += 1
  }
  for (const { path, generation } of await store.list(`${bytes}/`)) await store.delete(path, generation)
}
rmSync(directory, { recursive: true })
process.stdout.write(`${count} objects\n`)
