import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FileContents } from '../../../services/ingest/replay/file-contents.ts'
import type { RecordingFile } from '../../../services/ingest/replay/recording-file.ts'
import { zipOf } from './zip.ts'

async function members(): Promise<RecordingFile[]> {
  const directory = await mkdtemp(join(tmpdir(), 'velocast-file-contents-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const names = ['1.json', '2.json', '3.json']
  const paths = ['a.zip', 'b.zip'].map((name) => join(directory, name))
  for (const path of paths)
    await writeFile(path, zipOf(Object.fromEntries(names.map((name) => [name, `${path} ${name}`]))))
  // One zip's members between the other's.
  return names.flatMap((member) =>
    paths.map((path) => ({ path, member, role: 'status' as const, named: null, size: 100 })),
  )
}

test('members of several zips that are asked for at once are each read whole', async () => {
  const contents = new FileContents()
  const files = await members()
  const read = await Promise.all(files.map((file) => contents.read(file)))
  contents.close()
  expect(read.map(String)).toEqual(files.map(({ path, member }) => `${path} ${member}`))
})

test('what was asked for and has not begun when a recording is closed fails, and opens nothing', async () => {
  const contents = new FileContents()
  const files = await members()
  const asked = files.map((file) => contents.read(file))
  const results = Promise.allSettled(asked)
  await asked[0]
  contents.close()
  const last = (await results).at(-1)
  expect(last).toMatchObject({ status: 'rejected', reason: { code: 'replay_unreadable' } })
})
