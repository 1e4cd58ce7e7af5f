import type { Logger } from 'pino'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config.ts'
import { VelocastError } from '../../platform/errors.ts'
import type { LookUpReader } from '../look-up-view.ts'
import { type EventSink, Listener } from './listener.ts'
import { SystemChannel } from './system-channel.ts'

/** Event streams open at once in one process. Each costs a socket and at most one unread event. */
const MAX_LISTENERS = 1000

/**
 * Every open event stream, one channel a system. Reads nothing of a system that nobody listens to. Metrics:
 * `velocast_event_stream_listeners`, `velocast_event_stream_dropped_total`.
 */
export class EventStreams {
  readonly #channels = new Map<string, SystemChannel>()
  readonly #clock: Clock
  readonly #reader: LookUpReader
  readonly #config: Config
  readonly #logger: Logger
  readonly #listeners: Gauge
  readonly #dropped: Counter
  readonly #maxListeners: number
  #open = 0
  #closed = false

  constructor(options: {
    clock: Clock
    reader: LookUpReader
    config: Config
    logger: Logger
    metrics: Registry
    maxListeners?: number
  }) {
    this.#clock = options.clock
    this.#reader = options.reader
    this.#config = options.config
    this.#logger = options.logger
    this.#maxListeners = options.maxListeners ?? MAX_LISTENERS
    this.#listeners = new Gauge({
      name: 'velocast_event_stream_listeners',
      help: 'Event streams that are open',
      registers: [options.metrics],
    })
    this.#dropped = new Counter({
      name: 'velocast_event_stream_dropped_total',
      help: 'Event streams closed because their client read too slowly',
      registers: [options.metrics],
    })
  }

  /** Throws `listeners_full` when no more streams may be opened; nothing was written then. */
  admit(): void {
    if (this.#open < this.#maxListeners && !this.#closed) return
    throw new VelocastError({
      code: 'listeners_full',
      message: `event streams are all taken, try again later or another replica: ${this.#open}`,
      retryable: true,
    })
  }

  /** Streams a system's events to `sink` until either side closes. Call `admit` first. */
  open({ system, sink }: { system: string; sink: EventSink }): void {
    const channel = this.#channel(system)
    const listener = new Listener({ sink, newest: () => channel.newest() })
    this.#listeners.set(++this.#open)
    sink.on('close', () => {
      this.#listeners.set(--this.#open)
      channel.remove(listener)
      if (channel.size === 0 && this.#channels.get(system) === channel) this.#channels.delete(system)
    })
    channel.add(listener)
  }

  /** Ends every stream and takes no more. */
  close(): void {
    this.#closed = true
    for (const channel of this.#channels.values()) channel.close()
    this.#channels.clear()
  }

  #channel(system: string): SystemChannel {
    const open = this.#channels.get(system)
    if (open !== undefined) return open
    const configured = this.#config.systems.find(({ id }) => id === system)
    const channel = new SystemChannel({
      subject: {
        system,
        name: configured?.name ?? null,
        timezone: configured?.timezone ?? 'UTC',
        stale_after_s: this.#config.forecast.stale_minutes * 60,
        withhold_after_s: this.#config.forecast.withhold_minutes * 60,
      },
      reader: this.#reader,
      clock: this.#clock,
      dropped: () => this.#dropped.inc(),
      failed: (error) => this.#logger.warn({ err: error, system }, 'event stream cannot read look-ups'),
    })
    this.#channels.set(system, channel)
    return channel
  }
}
