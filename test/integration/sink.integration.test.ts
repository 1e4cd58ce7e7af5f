import { Storage } from '@google-cloud/storage'
import { expect, inject, test } from 'vitest'
import { openGcsStore } from '../../services/platform/object-store/gcs.ts'
import { compactDaily } from '../../services/sink/compaction/daily.ts'
import { compactMonthly } from '../../services/sink/compaction/monthly.ts'
import { createSinkService } from '../../services/sink/service.ts'
import { lastOfEach, pollOf } from '../sink/observations.ts'
import { fingerprint, openTown, rowOf, rowsOf, until } from '../sink/town.ts'

const apiEndpoint = inject('gcsEndpoint')!
const MIDNIGHT = Date.UTC(2024, 10, 5)
const polls = Array.from({ length: 40 }, (_, index) =>
  pollOf({ ts: MIDNIGHT + (22 * 60 + index * 4) * 60_000 }),
)

async function run(prefix: string | null) {
  const bucket = `velocast-sink-${process.pid}`
  const storage = new Storage({ apiEndpoint, projectId: 'test' })
  if (prefix !== null && !(await storage.bucket(bucket).exists())[0]) await storage.createBucket(bucket)
  const town = await openTown(
    prefix === null ? {} : { objects: openGcsStore({ bucket, prefix, apiEndpoint }) },
  )
  await town.publish(polls)
  const sink = createSinkService(town.platform)
  await sink.start()
  await until(() => sink.caughtUp())
  await sink.finish()
  await sink.close()
  return town.platform
}

test('a bucket ends with the same objects, byte for byte, as a directory', async () => {
  const [local, gcs] = [await run(null), await run('same')]
  expect(await fingerprint(gcs.objects)).toEqual(await fingerprint(local.objects))
  const expected = lastOfEach(
    polls.flatMap(({ observations }) => observations),
    '2024-11-05',
  ).map(rowOf)
  expect(await rowsOf(gcs.objects, 'town/daily/compact_2024-11-05.parquet')).toEqual(expected)
})

test('in a bucket, too, a second compaction is refused while one runs, and nothing is written twice', async () => {
  const platform = await run('lease')
  const again = await compactDaily({ platform, system: 'town', day: '2024-11-05' })
  expect(again).toMatchObject({ outcome: 'unchanged', purged: 0 })
  const fault = async (step: string): Promise<void> => {
    if (step !== 'leased') return
    const second = compactMonthly({ platform, system: 'town', month: '2024-11' })
    await expect(second).rejects.toMatchObject({ code: 'lease_held' })
  }
  expect(await compactMonthly({ platform, system: 'town', month: '2024-11', fault })).toMatchObject({
    outcome: 'written',
  })
})
