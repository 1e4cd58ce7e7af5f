import type { PollRecord, Source } from '../domain/poll.ts'
import type { SystemConfig } from '../platform/config.ts'
import { isRetryable } from '../platform/errors.ts'
import type { HealthCheck, Platform } from '../platform/service.ts'
import { FeedReader, type ReadPoll } from './feed-reader.ts'
import { type IngestLedger, readLedger, writeProgress, writeStations } from './ledger.ts'
import { createPollPipeline, type PollPipeline } from './pipeline.ts'
import { pollInterval } from './poll-interval.ts'
import { failureOf } from './reading-failure.ts'
import { startWeatherLoop } from './weather-loop.ts'

/** First pause when the log can't be reached; doubled up to half a minute. The poll is held, nothing is lost. */
const FIRST_LOG_PAUSE_MS = 500
const LONGEST_LOG_PAUSE_MS = 30_000
/** A server may ask to be left alone for this long at most. */
const LONGEST_ASKED_PAUSE_MS = 900_000
/** A system is unwell when its last good answer is older than this many intervals. */
const UNWELL_INTERVALS = 5

export interface SystemPollerOptions {
  platform: Pick<Platform, 'config' | 'clock' | 'logger' | 'metrics' | 'log' | 'codec' | 'objects'>
  system: SystemConfig
  source: Source
  random: () => number
  /** Soft: finish the poll in flight and take no other. */
  stop: AbortSignal
  /** Hard: cut the request in flight. */
  abort: AbortSignal
  /** The log refuses for good: the service can't go on. */
  failed: (error: unknown) => void
  fault?: ((step: string) => Promise<void> | void) | undefined
}

/**
 * Polls one system until stopped. Commit protocol of a poll:
 *  1. new information is published (on change only), then kept in `ledger/ingest/<system>/information.json`;
 *  2. the poll is published (four steps of its own: see `createPollPipeline`);
 *  3. its content, published time and validators are kept in `ledger/ingest/<system>/progress.json`.
 * Stopped between two steps, the next process asks again: the same answer gives the same poll id and records.
 * A ledger that can't be written is logged and costs a repetition at most, never a poll.
 */
export class SystemPoller {
  readonly #options: SystemPollerOptions
  readonly #reader: FeedReader
  #informationKept = 0
  readonly #ttlLogged = new Set<string>()
  #last: PollRecord | null = null
  #lastGood: number | null = null
  #problem: string | null = null
  #intervalSeconds: number

  constructor(options: SystemPollerOptions) {
    this.#options = options
    this.#intervalSeconds = options.system.poll_seconds
    const { platform, system, random, stop, abort } = options
    const { clock, logger } = platform
    this.#reader = new FeedReader({
      system,
      config: platform.config.ingest,
      clock,
      logger,
      random,
      stop,
      abort,
    })
  }

  /** Resolves when stopped and the poll in flight is published. Never throws. */
  async run(): Promise<void> {
    const { platform, system, source, stop, abort, fault, failed } = this.#options
    const { clock, logger, config, metrics } = platform
    try {
      const ledger = await this.#readLedger()
      this.#reader.resume(ledger)
      const pipeline = createPollPipeline({
        platform,
        system,
        source,
        resume: ledger,
        ...(fault === undefined ? {} : { fault }),
      })
      const weather = startWeatherLoop({
        system,
        config: config.ingest,
        clock,
        logger,
        metrics,
        deliver: (report) => pipeline.weather(report),
        stop,
        abort,
      })
      await weather.first
      while (!stop.aborted) {
        const began = clock.now()
        const asked = await this.#poll(pipeline)
        const due = Math.max(began + this.#intervalSeconds * 1000, clock.now() + asked)
        await clock.sleep(Math.max(0, due - clock.now()), stop)
      }
      await weather.done
    } catch (error) {
      logger.error({ system: system.id, err: error }, 'ingest of a system ended')
      failed(error)
    }
  }

  health(): HealthCheck {
    const { platform, system } = this.#options
    const name = `feed ${system.id}`
    if (this.#last === null) {
      return { name, ok: this.#problem === null, detail: this.#problem ?? 'not polled yet' }
    }
    const limit = this.#intervalSeconds * 1000 * UNWELL_INTERVALS
    const ok = this.#lastGood !== null && platform.clock.now() - this.#lastGood <= limit
    const { outcome, reason, rows } = this.#last
    const detail =
      reason === null ? `last poll ${outcome}, ${rows} stations` : `last poll ${outcome}: ${reason}`
    return { name, ok, detail: this.#problem === null ? detail : `${detail}, ${this.#problem}` }
  }

  /** One poll, published. Gives the pause that the server asked for, ms. */
  async #poll(pipeline: PollPipeline): Promise<number> {
    const read = await this.#reader.read()
    if (this.#options.abort.aborted) return 0
    const published = await this.#publish(pipeline, read)
    if (published === null) return 0
    this.#last = published
    this.#problem = read.answer.kind === 'failed' ? read.answer.message : null
    if (published.outcome !== 'failed' && published.outcome !== 'refused')
      this.#lastGood = published.fetched_utc
    this.#reader.confirm(read.validators)
    await this.#fault('poll')
    if (read.answer.kind === 'status') {
      await this.#keepStations(pipeline)
      await this.#write('progress', () =>
        writeProgress(this.#options.platform.objects, this.#options.system.id, {
          state: pipeline.state(),
          validators: read.validators,
          addresses: this.#reader.addresses,
        }),
      )
      this.#obeyTtl(read.answer.status.ttl_s)
    }
    return Math.min(read.retryAfterMs ?? 0, LONGEST_ASKED_PAUSE_MS)
  }

  /** Publishes until it is durable; gives up (null) only when cut off. */
  async #publish(pipeline: PollPipeline, read: ReadPoll): Promise<PollRecord | null> {
    const { platform, system, abort, failed } = this.#options
    const { clock, logger } = platform
    for (let tries = 0; ; tries++) {
      try {
        if (read.information !== null) await this.#publishInformation(pipeline, read)
        return await pipeline.handle(read.answer)
      } catch (error) {
        const { code, message } = failureOf(error)
        if (!isRetryable(error)) {
          if (code === 'log_record_oversized' && read.answer.kind === 'status') {
            const { fetched_utc, duration_ms } = read.answer
            read.answer = {
              kind: 'failed',
              code,
              message,
              fetched_utc: fetched_utc ?? clock.now(),
              duration_ms,
            }
            read.validators = null
            continue
          }
          logger.error({ system: system.id, code, err: error }, `poll can't be published: ${message}`)
          failed(error)
          return null
        }
        this.#problem = message
        logger.warn({ system: system.id, code }, `poll is held until it can be published: ${message}`)
        await clock.sleep(Math.min(LONGEST_LOG_PAUSE_MS, FIRST_LOG_PAUSE_MS * 2 ** tries), abort)
        if (abort.aborted) return null
      }
    }
  }

  async #publishInformation(pipeline: PollPipeline, read: ReadPoll): Promise<void> {
    const { information, answer } = read
    if (information === null) return
    const seenUtc = information.published_utc ?? answer.fetched_utc ?? this.#options.platform.clock.now()
    await pipeline.information(information.stations, seenUtc)
    read.information = null
    await this.#fault('information')
    await this.#keepStations(pipeline)
  }

  /** Writes the information when any of it was published since it was last written. */
  async #keepStations(pipeline: PollPipeline): Promise<void> {
    const published = pipeline.informationPublished()
    if (published === this.#informationKept) return
    this.#informationKept = published
    await this.#write('information', () =>
      writeStations(this.#options.platform.objects, this.#options.system.id, pipeline.stations()),
    )
  }

  #obeyTtl(ttlSeconds: number | null): void {
    const { platform, system } = this.#options
    const { seconds, ignored } = pollInterval({ pollSeconds: system.poll_seconds, ttlSeconds })
    this.#intervalSeconds = seconds
    if (ignored === null || this.#ttlLogged.has(ignored)) return
    this.#ttlLogged.add(ignored)
    platform.logger.info({ system: system.id, ttl_s: ttlSeconds }, ignored)
  }

  async #readLedger(): Promise<IngestLedger> {
    const { platform, system } = this.#options
    try {
      return await readLedger(platform.objects, system.id)
    } catch (error) {
      const { code, message } = failureOf(error)
      platform.logger.warn(
        { system: system.id, code },
        `ledger can't be read, ingest starts afresh: ${message}`,
      )
      return { state: null, validators: null, addresses: null, stations: [] }
    }
  }

  async #write(what: string, write: () => Promise<void>): Promise<void> {
    const { platform, system } = this.#options
    try {
      await write()
    } catch (error) {
      const { code, message } = failureOf(error)
      platform.logger.warn({ system: system.id, code }, `ledger of ${what} can't be written: ${message}`)
    }
  }

  async #fault(step: string): Promise<void> {
    await this.#options.fault?.(step)
  }
}
