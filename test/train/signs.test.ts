import { expect, test } from 'vitest'
import { ARTEFACT_SCHEMAS } from '../../services/monitor/artefact-schemas.ts'
import { readSigns } from '../../services/train/signs.ts'
import { retrainingTrigger } from '../../services/train/trigger.ts'
import { memoryStore } from '../monitor/memory-store.ts'

const HEADER = {
  schema_version: '1.0',
  generated_at: '2026-06-15T00:00:00Z',
  system: 'town',
  window: { start_utc: '2026-06-08T00:00:00Z', end_utc: '2026-06-15T00:00:00Z' },
}
const SUMMARY = { ...HEADER, psi_global: 0.4, top_feature: 'bikes', top_feature_psi: 0.5 }
const BOUNDS = {
  ...HEADER,
  tmax_utc: null,
  cur_start_utc: '2026-06-08T00:00:00Z',
  ref_start_utc: null,
  ref_end_utc: null,
  ref_hours: 672,
  ref_matched: 1,
  ref_asked_start_utc: '2026-05-11T00:00:00Z',
  ref_asked_end_utc: '2026-06-08T00:00:00Z',
}

test('signs are those of the artefacts as the monitor lays them out, and of the newest run', async () => {
  const objects = memoryStore()
  const put = (path: string, document: unknown) =>
    objects.put(`town/${path}`, Buffer.from(JSON.stringify(document)))
  await put(
    'monitoring/data/drift/latest/summary.json',
    ARTEFACT_SCHEMAS['drift/latest/summary.json'].parse(SUMMARY),
  )
  await put(
    'monitoring/data/drift/latest/bounds.json',
    ARTEFACT_SCHEMAS['drift/latest/bounds.json'].parse(BOUNDS),
  )
  await put('runs/train/20260501T010000Z-schedule.json', {})
  await put('runs/train/20260601T010203Z-abcdef.json', {})
  const signs = await readSigns(objects, 'town')
  expect(signs).toEqual({
    drift: { windowEnd: Date.parse('2026-06-15T00:00:00Z'), psi: 0.4, matched: 1 },
    skill: [],
    serving: null,
    lastRun: Date.parse('2026-06-01T01:02:03Z'),
  })
  const limits = { cooldownMs: 0, psi: 0.25, decayShare: 0.5 }
  const serving = { cutOff: Date.parse('2026-06-01T00:00:00Z'), lifts: new Map() }
  const now = Date.parse('2026-06-15T00:00:00Z')
  expect(retrainingTrigger({ ...signs, serving, now, limits })?.trigger).toBe('drift')
})

test('what is absent or unreadable says nothing', async () => {
  const objects = memoryStore()
  const nothing = { drift: null, skill: [], serving: null, lastRun: null }
  expect(await readSigns(objects, 'town')).toEqual(nothing)
  await objects.put('town/monitoring/data/drift/latest/summary.json', Buffer.from('{"psi_global":'))
  expect(await readSigns(objects, 'town')).toEqual(nothing)
})
