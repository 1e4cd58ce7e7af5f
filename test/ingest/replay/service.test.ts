import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PACED_GROUPS } from '../../../services/ingest/replay/pace.ts'
import type { ReplayProgress, ReplaySummary } from '../../../services/ingest/replay/progress.ts'
import { createReplayService, type ReplayServiceOptions } from '../../../services/ingest/replay/service.ts'
import { recordCity, writeRecording } from '../../../services/ingest/simulator/record.ts'
import { VelocastError } from '../../../services/platform/errors.ts'
import type { Platform } from '../../../services/platform/service.ts'
import { GROUPS, TOPICS } from '../../../services/platform/topics.ts'
import { instantClock } from '../../platform/event-log/instant-clock.ts'
import { memoryStore, recordingPlatform } from '../recording-platform.ts'

/** A checkpoint comes after so many bins at the latest. */
const CHECKPOINT_BINS = 12
const MINUTE = 60_000
const start = Date.parse('2026-03-10T07:00:00Z')
const POLLS = 118
let from = ''

beforeAll(async () => {
  from = await mkdtemp(join(tmpdir(), 'velocast-replay-service-'))
  const polls = recordCity({
    seed: 1,
    stations: 12,
    start,
    end: start + 120 * MINUTE,
    faults: [
      { kind: 'missing', from: start + 10 * MINUTE, until: start + 12 * MINUTE },
      { kind: 'duplicate_poll', share: 0.2 },
      { kind: 'late', share: 0.1, minutes: 7 },
      { kind: 'malformed', from: start + 30 * MINUTE, until: start + 33 * MINUTE, stations: 2 },
    ],
  })
  expect(await writeRecording({ polls, directory: from })).toEqual({ polls: POLLS, failed: 0 })
})
afterAll(() => rm(from, { recursive: true }))

/** A platform whose log counts offsets, remembers every record, and knows what groups committed. */
async function platformOf(objects = memoryStore()) {
  const clock = instantClock(start)
  const base = await recordingPlatform({ clock, objects })
  const ends = new Map<string, number>()
  const committed = new Map<string, number>()
  const log: Platform['log'] = {
    ...base.log,
    async publish(topic, records) {
      const end = ends.get(topic) ?? 0
      await base.log.publish(topic, records)
      ends.set(topic, end + records.length)
      return records.map((_, place) => ({ topic, partition: 0, offset: end + place }))
    },
    async lag(group, topics) {
      return topics.map((topic) => ({
        topic,
        partition: 0,
        committed: committed.get(`${group} ${topic}`) ?? null,
        end: ends.get(topic) ?? 0,
      }))
    },
  }
  const platform = { ...base, log } as unknown as Platform
  /** Record keys with their values and ids: what consumers that act idempotently end with. */
  const content = (): string[] =>
    [
      ...new Set(
        base.published.flatMap(({ topic, records }) =>
          topic === TOPICS.status || topic === TOPICS.deadLetters
            ? records.map(({ key, value, headers }) =>
                [topic, key, headers?.ce_id, value?.toString('base64')].join(' '),
              )
            : [],
        ),
      ),
    ].sort()
  return { ...base, platform, clock, ends, committed, objects, content }
}
type TestPlatform = Awaited<ReturnType<typeof platformOf>>

async function replay(
  { platform }: TestPlatform,
  options: Partial<ReplayServiceOptions> = {},
): Promise<ReplaySummary> {
  const service = createReplayService(platform, { from, system: 'city', pace: 'off', ...options })
  await service.start()
  try {
    return await service.exhausted
  } finally {
    await service.close()
  }
}

describe('replay service', () => {
  test('publishes every poll once, and says what it did', async () => {
    const target = await platformOf()
    const progress: ReplayProgress[] = []
    const summary = await replay(target, { progress: (step) => progress.push(step) })
    const polls = await target.polls()
    expect(summary).toMatchObject({ system: 'city', polls: POLLS, finished: true, skipped: {} })
    expect(summary.rows).toBe((await target.observations()).length)
    expect(summary.outcomes).toMatchObject({ ok: expect.any(Number), unchanged: expect.any(Number) })
    expect(polls).toHaveLength(POLLS)
    expect(new Set(polls.map(({ source }) => source))).toEqual(new Set(['replay']))
    expect(polls.every(({ fetched_utc }) => fetched_utc % MINUTE === 5000)).toBe(true)
    expect(progress).toHaveLength(POLLS)
    expect(progress.at(-1)).toMatchObject({
      polls: POLLS,
      total: POLLS,
      rows: summary.rows,
      waitingFor: null,
    })
    const observations = await target.observations()
    expect(observations.every(({ capacity, name, temp_C }) => capacity && name && temp_C !== null)).toBe(true)
    expect(await target.metrics.getSingleMetricAsString('velocast_replay_polls_total')).toContain(
      `} ${POLLS}`,
    )
  })

  test('twice gives the same records, byte for byte', async () => {
    const [once, twice] = [await platformOf(), await platformOf()]
    await replay(once)
    await replay(twice)
    await replay(twice)
    expect(twice.content()).toEqual(once.content())
  })

  test('at a speed takes the recorded time divided by it', async () => {
    const target = await platformOf()
    await replay(target, { speed: 60 })
    const seconds = (target.clock.now() - start) / 1000
    expect(seconds).toBeGreaterThan(118)
    expect(seconds).toBeLessThan(122)
  })

  test('waits for groups that are 20 bins behind, and goes on when they move', async () => {
    const target = await platformOf()
    const waits: (string | null)[] = []
    const service = createReplayService(target.platform, {
      from,
      system: 'city',
      progress: ({ waitingFor }) => waits.push(waitingFor),
    })
    await service.start()
    while (!waits.includes('windows')) await setImmediate()
    const newest = Math.max(...(await target.polls()).map(({ ts_utc }) => ts_utc ?? 0))
    expect(newest).toBeLessThan(start + 105 * MINUTE)
    expect(newest).toBeGreaterThanOrEqual(start + 90 * MINUTE)
    expect(service.health()).toEqual([
      expect.objectContaining({ ok: true, detail: expect.stringContaining('waits for') }),
    ])
    expect(await service.caughtUp()).toBe(false)
    for (const group of PACED_GROUPS) {
      target.committed.set(`${GROUPS[group]} ${TOPICS.status}`, Number.MAX_SAFE_INTEGER)
      target.committed.set(`${GROUPS[group]} ${TOPICS.windowUpdates}`, Number.MAX_SAFE_INTEGER)
    }
    expect(await service.exhausted).toMatchObject({ polls: POLLS, finished: true })
    expect(await service.caughtUp()).toBe(true)
    await service.close()
  })

  test('drained in the middle and started again, it goes on where it was and ends with the same records', async () => {
    const whole = await platformOf()
    await replay(whole)
    for (const stop of [1, 49, 50, 87]) {
      const target = await platformOf()
      const service = createReplayService(target.platform, {
        from,
        system: 'city',
        pace: 'off',
        progress: ({ polls }) => {
          if (polls === stop) void service.drain(new AbortController().signal)
        },
      })
      await service.start()
      expect(await service.exhausted).toMatchObject({ polls: stop, finished: false })
      await service.close()
      expect(await replay(target)).toMatchObject({ polls: POLLS - stop, finished: true })
      expect(target.content()).toEqual(whole.content())
    }
  })

  test('stopped between any two steps and started again, it ends with the same records', async () => {
    const whole = await platformOf()
    await replay(whole)
    for (const step of ['companions', 'dead-letters', 'information', 'published', 'handled', 'checkpoint']) {
      const target = await platformOf()
      let times = 0
      const died = replay(target, {
        fault: (name) => {
          if (name === step && (++times === 61 || (step === 'checkpoint' && times === 1)))
            throw new Error('killed')
        },
      })
      await expect(died).rejects.toThrow('killed')
      await replay(target)
      expect(target.content()).toEqual(whole.content())
    }
  })

  test('killed, it brings no more bins again than it may be ahead of the slowest group', async () => {
    const sparse = await mkdtemp(join(tmpdir(), 'velocast-replay-sparse-'))
    try {
      const span = { start, end: start + 600 * MINUTE, pollSeconds: 600 }
      await writeRecording({ polls: recordCity({ seed: 1, stations: 3, ...span }), directory: sparse })
      for (const kill of [9, 25, 50]) {
        const target = await platformOf()
        let handled = 0
        const died = replay(target, {
          from: sparse,
          fault: (step) => {
            if (step === 'handled' && ++handled === kill) throw new Error('killed')
          },
        })
        await expect(died).rejects.toThrow('killed')
        const { polls } = await replay(target, { from: sparse })
        expect(polls).toBeGreaterThanOrEqual(60 - kill)
        expect(polls).toBeLessThanOrEqual(60 - kill + CHECKPOINT_BINS)
      }
    } finally {
      await rm(sparse, { recursive: true })
    }
  })

  test('begins at the beginning when the log no longer has what the checkpoint speaks of, or when told to', async () => {
    const objects = memoryStore()
    const first = await platformOf(objects)
    await expect(
      replay(first, {
        fault: (step) => {
          if (step === 'checkpoint') throw new Error('killed')
        },
      }),
    ).rejects.toThrow('killed')
    const emptied = await platformOf(objects)
    expect(await replay(emptied)).toMatchObject({ polls: POLLS })
    const told = await platformOf(objects)
    expect(await replay(told, { restart: true })).toMatchObject({ polls: POLLS })
  })

  test('tries again when the log can not be reached for a while, and loses nothing', async () => {
    const whole = await platformOf()
    await replay(whole)
    const target = await platformOf()
    let calls = 0
    target.onPublish.fault = () => {
      calls += 1
      if (calls % 5 === 0) {
        throw new VelocastError({ code: 'log_unreachable', message: 'log is down', retryable: true })
      }
    }
    await replay(target)
    expect(target.content()).toEqual(whole.content())
  })

  test('goes on by itself when readers’ positions or its checkpoint can not be had for a while', async () => {
    const plain = await platformOf()
    await replay(plain)
    const target = await platformOf()
    const away = { looks: 0, reads: 0, writes: 0 }
    const once = (what: keyof typeof away): void => {
      away[what] += 1
      // The first time, and every fifth after it: one look at all four readers comes between.
      if (away[what] % 5 !== 1) return
      const code = what === 'looks' ? 'log_unreachable' : 'store_unreachable'
      throw new VelocastError({ code, message: 'away', retryable: true })
    }
    const { log, objects } = target.platform
    const platform = {
      ...target.platform,
      log: {
        ...log,
        async lag(group: string, topics: string[]) {
          once('looks')
          const lags = await log.lag(group, topics)
          return lags.map((lag) => ({ ...lag, committed: lag.end }))
        },
      },
      objects: {
        ...objects,
        async get(path: string) {
          once('reads')
          return objects.get(path)
        },
        async put(...put: Parameters<typeof objects.put>) {
          once('writes')
          return objects.put(...put)
        },
      },
    } as Platform
    const summary = await replay({ ...target, platform }, { pace: {} })
    expect(summary).toMatchObject({ polls: POLLS, finished: true })
    expect(Math.min(away.looks, away.reads, away.writes)).toBeGreaterThan(1)
    expect(target.content()).toEqual(plain.content())
  })

  test('an error that no retry mends is told once, and the service is unhealthy', async () => {
    const target = await platformOf()
    target.onPublish.fault = () => {
      throw new VelocastError({ code: 'log_topic_missing', message: 'topic is missing' })
    }
    const failures: unknown[] = []
    const service = createReplayService(target.platform, { from, system: 'city', pace: 'off' })
    service.onFailure((error) => failures.push(error))
    await service.start()
    await expect(service.exhausted).rejects.toMatchObject({ code: 'log_topic_missing' })
    expect(failures).toHaveLength(1)
    expect(service.health()[0]!.ok).toBe(false)
    await service.close()
  })

  test('a recording that is not there stops the start', async () => {
    const { platform } = await platformOf()
    const service = createReplayService(platform, { from: join(from, 'absent'), system: 'city' })
    await expect(service.start()).rejects.toMatchObject({ code: 'replay_unreadable' })
    await expect(service.exhausted).rejects.toMatchObject({ code: 'replay_unreadable' })
    await service.close()
  })
})
