/**
 * Guards against effects that a kill tears apart: an offset committed before what it stands for is durable (a hole in
 * the history), an effect that is not the same when it is done again (a row twice, a poll counted twice, a file that
 * differs), state that is in memory alone.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Found, judge, summary } from './history.ts'
import { allSteps, type Kill, killCampaign, wholeRun } from './kill-campaign.ts'
import { type Recordings, recordSystems } from './recordings.ts'
import { FULL, SEED, scratchDirectory } from './tier.ts'

/** Kills in all. */
const KILLS = FULL ? 200 : allSteps().length
/** A step that a recording does not reach by then never comes. */
const MOST_CAMPAIGNS = FULL ? 30 : 8

let directory: string
let recordings: Recordings
let whole: Found

beforeAll(async () => {
  directory = scratchDirectory('kills')
  recordings = await recordSystems({
    directory: join(directory, 'recordings'),
    seed: SEED,
    start: Date.UTC(2026, 2, 10, 22, 50),
    minutes: 90,
    pollSeconds: 100,
  })
  whole = await wholeRun(recordings, join(directory, 'whole'))
}, 300_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** One process keeps its look-ups in memory: a start after the last poll has none before the next one comes. */
function durable(contents: Found['contents']): Found['contents'] {
  return Object.fromEntries(Object.entries(contents).filter(([path]) => !path.startsWith('look-up ')))
}

test('a run that nothing befalls holds all that was sent, once', () => {
  expect(recordings.systems).toHaveLength(12)
  expect(whole.daily.length).toBeGreaterThan(2_000)
  expect(whole.windows.length).toBeGreaterThan(2_000)
  expect(summary(judge({ sent: recordings.sent, found: whole }))).toEqual({})
})

test(
  `a process killed between every two steps of its commit protocols leaves what a whole run leaves (seed ${SEED})`,
  async () => {
    const kills: Kill[] = []
    let pending = allSteps()
    for (let campaign = 0; kills.length < KILLS && campaign < MOST_CAMPAIGNS; campaign++) {
      const data = join(directory, `campaign-${campaign}`)
      const done = await killCampaign({ recordings, data, seed: SEED, campaign, pending })
      kills.push(...done.kills)
      const violations = judge({
        sent: recordings.sent,
        found: { ...done.found, contents: durable(done.found.contents) },
        reference: durable(whole.contents),
      })
      expect(summary(violations), `after ${JSON.stringify(done.kills)}`).toEqual({})
      if (pending.length === 0) pending = allSteps()
    }
    const reached = new Set(kills.map(({ service, step }) => `${service} ${step}`))
    expect(allSteps().filter(({ service, step }) => !reached.has(`${service} ${step}`))).toEqual([])
    expect(kills.length).toBeGreaterThanOrEqual(KILLS)
  },
  FULL ? 3_600_000 : 600_000,
)
