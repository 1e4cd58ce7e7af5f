import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Codec } from './event-log/codec.ts'
import type { EventLog } from './event-log/port.ts'
import type { LookUpStore } from './look-up-store/port.ts'
import type { ObjectStore } from './object-store/port.ts'
import type { WindowStore } from './window-store/port.ts'

/** Everything a service may use, built once from the configuration. Ports only: no service knows its adapters. */
export interface Platform {
  config: Config
  clock: Clock
  logger: Logger
  /** Metrics register here; nothing uses a global registry. */
  metrics: Registry
  log: EventLog
  codec: Codec
  objects: ObjectStore
  windows: WindowStore
  lookUps: LookUpStore
}

/** One check of a service's health: `ok` decides, `detail` is for people. */
export interface HealthCheck {
  name: string
  ok: boolean
  detail: string
}

/**
 * A service's life: `start` → (`finish` when its input is known to be at its end) → `drain` → `close`.
 * Each is called at most once, in this order; `close` is also called after a failed `start`.
 */
export interface Service {
  readonly name: string
  /** Resolves when it is subscribed or listening. */
  start(): Promise<void>
  /** True when every record that is in the log now was handled and its effects are durable or owned by `finish`. */
  caughtUp(): Promise<boolean>
  /** The input is at its end: close every bin, write every artefact, compact what is due. */
  finish(): Promise<void>
  /** Finishes the work that was begun and commits it; takes none. Gives up when the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
  /** Frees every handle, timer and child. */
  close(): Promise<void>
  health(): HealthCheck[]
  /** Calls back once if the service can't go on (an error that no retry can mend). */
  onFailure(callback: (error: unknown) => void): void
}
