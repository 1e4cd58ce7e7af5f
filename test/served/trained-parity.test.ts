import { expect, test } from 'vitest'
import { checkParity } from '../../services/cli/parity/parity.ts'
import { DAY_MS, HOUR_MS } from '../../services/domain/bin.ts'
import { installPersistencePack } from '../../services/platform/onnx/install.ts'
import { promoteModel } from '../../services/train/model-catalogue.ts'
import { publishPacks } from '../../services/train/publish-pack.ts'
import { openTown } from '../sink/town.ts'
import {
  packOf,
  recordingOf,
  START,
  sourceOf,
  TRAINED_UNTIL,
  townModel,
  townPolls,
} from '../train/trained-town.ts'
import { pollRecord } from '../windows/pipeline.ts'
import { servePolls } from './served-city.ts'

const HORIZONS = [15, 60]

test('what a trained pack was given is what Parquet gives, to the last bit, with stations that come, go and move', async () => {
  const polls = townPolls({ from: START, until: TRAINED_UNTIL + DAY_MS / 2 })
  const training = await recordingOf(polls.filter(({ ts_utc }) => ts_utc < TRAINED_UNTIL))
  const packs = HORIZONS.map((horizon) => {
    const source = sourceOf(training, horizon)
    return packOf({ source, model: townModel(source), version: '1.0.0' })
  })
  const systems = [{ id: 'town', discovery_url: 'http://localhost/gbfs.json', timezone: 'Europe/Paris' }]
  const town = await openTown({ config: { systems, forecast: { sample_share: 0.5 } } })
  const { objects } = town.platform
  await installPersistencePack({ objects, horizons: HORIZONS })
  await publishPacks({ objects, packs })
  await promoteModel({ objects, system: 'town', version: '1.0.0', effectiveFrom: TRAINED_UNTIL })
  const served = polls.filter(({ ts_utc }) => ts_utc >= TRAINED_UNTIL - 5 * HOUR_MS)
  await servePolls(
    town,
    served.map(({ poll_id, ts_utc, fetched_utc, observations }) => ({
      observations,
      poll: pollRecord({
        poll_id,
        ts_utc,
        published_utc: ts_utc,
        fetched_utc,
        rows: observations.length,
      }),
    })),
  )
  const day = new Date(TRAINED_UNTIL).toISOString().slice(0, 10)
  const report = await checkParity({ platform: town.platform, system: 'town', day })
  expect(report).toMatchObject({ differing: 0, unavailable: 0 })
  expect(report.compared + report.revised).toBe(report.logged)
  expect(report.compared).toBeGreaterThan(500)
  const ofPack = report.features.filter(({ model_version }) => model_version === 'trees@1.0.0')
  expect(new Set(ofPack.map(({ horizon_min }) => horizon_min))).toEqual(new Set(HORIZONS))
  expect(ofPack.length).toBeGreaterThan(2 * 40)
  expect(ofPack.every(({ largest_difference }) => largest_difference === 0)).toBe(true)
}, 120_000)
