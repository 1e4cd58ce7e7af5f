import { floorBin } from '../../domain/bin.ts'
import { eventTime } from '../../domain/event-time.ts'
import { isRetryable } from '../../platform/errors.ts'
import type { EventLog } from '../../platform/event-log/port.ts'
import type { HealthCheck, Platform, Service } from '../../platform/service.ts'
import { TOPICS } from '../../platform/topics.ts'
import { createPollPipeline, type PollPipeline } from '../pipeline.ts'
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from './checkpoint.ts'
import { replayMetrics } from './metrics.ts'
import { BINS_AHEAD, PACED_GROUPS, type PacedGroup, ReplayPace } from './pace.ts'
import { type ReplayProgress, type ReplaySummary, ReplayTally } from './progress.ts'
import type { Recording, RecordingOptions, ReplayPoll } from './recorded-polls.ts'
import { openRecording } from './recording.ts'

export interface ReplayServiceOptions extends RecordingOptions {
  /** Recorded seconds a second, or as fast as the pace allows. Default max. */
  speed?: number | 'max'
  /** Which groups are waited for and how many bins they may be behind; `off` waits for none. */
  pace?: { groups?: readonly PacedGroup[]; bins?: number } | 'off'
  /** Begin at the beginning even where an earlier replay stopped. Default false. */
  restart?: boolean
  /** Called after each poll, and while the replay waits. */
  progress?(progress: ReplayProgress): void
  /** Called between every two steps of the commit protocol. */
  fault?(step: string): Promise<void> | void
}

export interface ReplayService extends Service {
  /** Settles when the last poll is published, the replay is drained, or it fails. */
  readonly exhausted: Promise<ReplaySummary>
}

/**
 * Polls, and bins that have one, between two checkpoints: a kill costs at most so many read again. The sink's commit
 * stays at the bin that was open at the kill until a later one comes: a replay that had to bring more bins again than
 * it may be ahead of the sink would wait for it for ever.
 */
const CHECKPOINT_POLLS = 50
const CHECKPOINT_BINS = 12
/** Milliseconds between two looks at the groups' positions, growing while nothing moves. */
const FIRST_LOOK_MS = 10
const LAST_LOOK_MS = 200
const LOOK_GROWTH = 1.5
/** A wait longer than this is logged, once. */
const LONG_WAIT_MS = 30_000
const RETRY_MS = 1_000

/**
 * Feeds a recording through the poll pipeline in the order of its fetch times. Commit protocol:
 *  1. the next poll is read; what its companion files say anew (information, weather) is published;
 *  2. it waits until its time has come (speed) and no group is more than 20 bins behind (pace);
 *  3. the poll is published by the pipeline, durably;
 *  4. every 50 polls or 12 bins, when drained and at the end, the checkpoint `<system>/runs/replay/<key>.json` is written: the
 *     next position and what the pipeline must know.
 * A new start goes on from the checkpoint when the log still holds what it speaks of, else from the beginning; a
 * finished recording begins anew. Polls published twice have the same ids and rows, so what follows is the same.
 */
export function createReplayService(platform: Platform, options: ReplayServiceOptions): ReplayService {
  const { system, speed = 'max', pace = {}, progress, fault } = options
  const { clock, logger, objects } = platform
  const metrics = replayMetrics(platform.metrics)
  const tally = new ReplayTally()
  const exhausted = Promise.withResolvers<ReplaySummary>()
  exhausted.promise.catch(() => undefined)
  const stopping = new AbortController()
  const failures: ((error: unknown) => void)[] = []
  let recording: Recording | null = null
  let loop: Promise<void> | null = null
  let settled: 'running' | 'done' | 'failed' = 'running'
  let waitingFor: string | null = null
  let began = clock.now()
  /** Partition and offset of the last status record. */
  let newest = { partition: 0, offset: -1 }

  const groups = pace === 'off' ? [] : (pace.groups ?? PACED_GROUPS)
  const bins = pace === 'off' ? BINS_AHEAD : (pace.bins ?? BINS_AHEAD)
  const replayPace = new ReplayPace({ log: platform.log, groups, bins })
  const log: Pick<EventLog, 'publish' | 'lag'> & EventLog = {
    ...bound(platform.log),
    async publish(topic, records) {
      const positions = await platform.log.publish(topic, records)
      const last = positions.at(-1)
      if (topic === TOPICS.status && last !== undefined) newest = last
      return positions
    },
  }

  function report(): void {
    if (progress === undefined || recording === null) return
    const seconds = (clock.now() - began) / 1000
    progress({
      polls: tally.polls,
      total: recording.total,
      rows: tally.rows,
      bins: tally.bins,
      current_utc: tally.last,
      first_utc: recording.first_utc,
      last_utc: recording.last_utc,
      rowsPerSecond: seconds > 0 ? Math.round(tally.rows / seconds) : 0,
      waitingFor,
    })
  }

  async function waitForGroups(bin: number): Promise<void> {
    let look = FIRST_LOOK_MS
    const since = clock.now()
    let told = false
    // Asked again where the log could not say; undefined once the replay stops.
    const mayPublish = (): Promise<boolean | undefined> => persist(() => replayPace.mayPublish(bin))
    while ((await mayPublish()) === false) {
      if (waitingFor !== replayPace.slowest) {
        waitingFor = replayPace.slowest
        metrics.waits.inc({ system, group: waitingFor ?? '' })
        report()
      }
      if (!told && clock.now() - since > LONG_WAIT_MS) {
        told = true
        logger.warn(
          { system, group: waitingFor },
          'replay waits for a group that does not move: is it running?',
        )
      }
      await clock.sleep(look, stopping.signal)
      look = Math.min(LAST_LOOK_MS, look * LOOK_GROWTH)
    }
    waitingFor = null
  }

  async function waitForTime({
    ts,
    origin,
  }: {
    ts: number
    origin: { ts: number; clock: number }
  }): Promise<void> {
    if (speed === 'max') return
    const due = origin.clock + (ts - origin.ts) / speed
    while (!stopping.signal.aborted && clock.now() < due) {
      await clock.sleep(Math.min(due - clock.now(), 1000), stopping.signal)
    }
  }

  /** Repeats what may succeed by itself until it does or the replay stops. */
  async function persist<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    while (!stopping.signal.aborted) {
      try {
        return await work()
      } catch (error) {
        if (!isRetryable(error)) throw error
        logger.warn({ system, err: error }, 'replay can not go on for the moment, tries again')
        await clock.sleep(RETRY_MS, stopping.signal)
      }
    }
    return undefined
  }

  async function checkpoint({
    pipeline,
    position,
    finished,
  }: {
    pipeline: PollPipeline
    position: number
    finished: boolean
  }): Promise<void> {
    if (recording === null) return
    const content: Checkpoint = {
      version: 1,
      recording: recording.key,
      finished,
      position,
      ...newest,
      polls: tally.polls,
      rows: tally.rows,
      state: pipeline.state(),
      stations: pipeline.stations(),
    }
    await saveCheckpoint({ objects, system, checkpoint: content })
  }

  async function run(opened: Recording): Promise<void> {
    const from =
      options.restart === true
        ? null
        : await persist(() => loadCheckpoint({ objects, log: platform.log, system, key: opened.key }))
    // Stopped before anything was known: what an earlier replay left stays as it is.
    if (from === undefined) return end(opened, false)
    if (from !== null) {
      logger.info({ system, position: from.position, total: opened.total }, 'replay goes on where it stopped')
      newest = { partition: from.partition, offset: from.offset }
    }
    const pipeline = createPollPipeline({
      platform: { ...platform, log },
      system: { id: system },
      source: 'replay',
      ...(from === null ? {} : { resume: { state: from.state, stations: from.stations } }),
      ...(fault === undefined ? {} : { fault }),
    })
    let information: ReplayPoll['information'] = null
    let weather: ReplayPoll['weather'] = null
    let position = from?.position ?? 0
    let saved = position
    const bins = new Set<number>()
    let origin: { ts: number; clock: number } | null = null
    for await (const poll of opened.polls({ position, stations: from?.stations ?? [] })) {
      const ts = timeOf(poll)
      if (ts !== null) {
        origin ??= { ts, clock: clock.now() }
        await waitForTime({ ts, origin })
        await waitForGroups(floorBin(ts))
      }
      const described = poll.information
      if (described !== null && described !== information) {
        await persist(() => pipeline.information(described.stations, described.seen_utc))
        information = described
      }
      const forecast = poll.weather
      if (forecast !== null && forecast !== weather) {
        await persist(() => pipeline.weather(forecast))
        weather = forecast
      }
      await fault?.('companions')
      const before = newest
      const record = await persist(() => pipeline.handle(poll.answer))
      if (record === undefined) break
      await fault?.('handled')
      position = poll.position + 1
      tally.add(record)
      if (ts !== null && newest !== before) replayPace.published({ bin: floorBin(ts), ...newest })
      metrics.polls.inc({ system })
      metrics.rows.inc({ system }, record.rows)
      metrics.position.set({ system }, position)
      if (record.ts_utc !== null) metrics.eventTime.set({ system }, record.ts_utc / 1000)
      report()
      if (ts !== null) bins.add(floorBin(ts))
      if (position - saved >= CHECKPOINT_POLLS || bins.size >= CHECKPOINT_BINS) {
        await persist(() => checkpoint({ pipeline, position, finished: false }))
        saved = position
        bins.clear()
        await fault?.('checkpoint')
      }
      if (stopping.signal.aborted) break
    }
    const finished = !stopping.signal.aborted || position >= opened.total
    const keep = (): Promise<void> => checkpoint({ pipeline, position, finished })
    if (!stopping.signal.aborted) await persist(keep)
    else {
      await keep().catch((error: unknown) => {
        if (!isRetryable(error)) throw error
        logger.warn(
          { system, err: error },
          'replay could not write its checkpoint, the next start repeats polls',
        )
      })
    }
    end(opened, finished)
  }

  function end(opened: Recording, finished: boolean): void {
    for (const [reason, count] of Object.entries(opened.skipped.counts)) {
      metrics.skipped.inc({ system, reason }, count)
    }
    if (opened.skipped.total > 0) {
      logger.warn({ system, ...opened.skipped.examples }, `replay left files out: ${opened.skipped}`)
    }
    settled = 'done'
    exhausted.resolve({
      system,
      polls: tally.polls,
      rows: tally.rows,
      bins: tally.bins,
      outcomes: tally.outcomes,
      skipped: opened.skipped.counts,
      first_utc: tally.first,
      last_utc: tally.last,
      seconds: (clock.now() - began) / 1000,
      finished,
    })
  }

  return {
    name: 'replay',
    exhausted: exhausted.promise,
    async start() {
      try {
        recording = await openRecording(options)
      } catch (error) {
        settled = 'failed'
        exhausted.reject(error)
        throw error
      }
      metrics.total.set({ system }, recording.total)
      began = clock.now()
      loop = run(recording).catch((error: unknown) => {
        settled = 'failed'
        exhausted.reject(error)
        for (const failed of failures) failed(error)
      })
    },
    async caughtUp() {
      return settled === 'done'
    },
    async finish() {
      await loop
    },
    async drain(signal) {
      stopping.abort()
      const given = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => given.resolve(), { once: true })
      if (!signal.aborted) await Promise.race([loop, given.promise])
    },
    async close() {
      stopping.abort()
      await loop
      await recording?.close()
    },
    health(): HealthCheck[] {
      const place = `${tally.polls} of ${recording?.total ?? 0} polls`
      const detail = waitingFor === null ? place : `${place}, waits for ${waitingFor}`
      return [{ name: 'replay', ok: settled !== 'failed', detail }]
    },
    onFailure(callback) {
      failures.push(callback)
    },
  }
}

/** Event time of a poll, null when it has none that counts. */
function timeOf({ answer }: ReplayPoll): number | null {
  try {
    return eventTime({ publishedUtc: answer.status.published_utc, fetchedUtc: answer.fetched_utc }).ts_utc
  } catch {
    return null
  }
}

/** A log's methods as plain functions, so that one can be replaced whatever the log is made of. */
function bound(log: EventLog): EventLog {
  return {
    ensureTopics: (topics) => log.ensureTopics(topics),
    publish: (topic, records) => log.publish(topic, records),
    subscribe: (options) => log.subscribe(options),
    lag: (group, topics) => log.lag(group, topics),
    offsetsAt: (topic, appended) => log.offsetsAt(topic, appended),
    close: () => log.close(),
  }
}
