import { createHash } from 'node:crypto'
import { type Discovery, parseDiscovery } from '../domain/gbfs/discovery.ts'
import { readJson } from '../domain/gbfs/envelope.ts'
import { type InformationAnswer, parseInformation } from '../domain/gbfs/information.ts'
import { parseStatus } from '../domain/gbfs/status.ts'
import { parseVehicleTypes, type VehicleTypes } from '../domain/gbfs/vehicle-types.ts'
import { isOpendatasoft, parseOpendatasoft } from '../domain/opendatasoft.ts'
import type { StatusAnswer } from '../domain/status.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config, SystemConfig } from '../platform/config.ts'
import { VelocastError } from '../platform/errors.ts'
import type { Platform } from '../platform/service.ts'
import { type Fetched, fetchOnce, type Validators } from './http-fetch.ts'
import { withRetries } from './http-retry.ts'
import type { PollAnswer } from './poll-answer.ts'
import { failureOf } from './reading-failure.ts'
import { SlowFile } from './slow-file.ts'

/** Where a system's files are: from discovery, or as configured. */
export type FeedAddresses = Pick<Discovery, 'status_url' | 'information_url' | 'vehicle_types_url'>

export interface FeedReaderOptions {
  system: SystemConfig
  config: Config['ingest']
  clock: Clock
  logger: Pick<Platform['logger'], 'warn' | 'info'>
  random: () => number
  /** Ends pauses between tries. */
  stop: AbortSignal
  /** Cuts requests. */
  abort: AbortSignal
}

/** An answer, and what the server said of its version, to be confirmed once the answer is published. */
export interface ReadPoll {
  answer: PollAnswer
  validators: Validators | null
  /** New since the last poll, to be published before the answer is; null when nothing came. */
  information: InformationAnswer | null
  /** How long the server asked to be left alone, ms. */
  retryAfterMs: number | null
}

/** Reads one system's files over HTTP. Holds the last good discovery, information and vehicle types. */
export class FeedReader {
  readonly #options: FeedReaderOptions
  readonly #discovery: SlowFile<FeedAddresses>
  readonly #information: SlowFile<InformationAnswer>
  readonly #types: SlowFile<VehicleTypes>
  #validators: Validators | null = null

  constructor(options: FeedReaderOptions) {
    this.#options = options
    this.#discovery = this.#slowFile('gbfs.json', (body) => {
      const discovery = parseDiscovery(readJson(body))
      const { status_url, information_url, vehicle_types_url } = discovery
      return { value: { status_url, information_url, vehicle_types_url }, ttlSeconds: discovery.ttl_s }
    })
    this.#information = this.#slowFile('station_information', (body) => {
      const value = parseInformation(readJson(body))
      return { value, ttlSeconds: value.ttl_s }
    })
    this.#types = this.#slowFile('vehicle_types', (body) => {
      const { types, ttl_s } = parseVehicleTypes(readJson(body))
      return { value: types, ttlSeconds: ttl_s }
    })
  }

  /** The last good addresses, null before discovery ever succeeded. */
  get addresses(): FeedAddresses | null {
    const { status_url, information_url } = this.#options.system
    if (status_url !== undefined && information_url !== undefined) {
      return { status_url, information_url, vehicle_types_url: null }
    }
    return this.#discovery.value
  }

  get information(): InformationAnswer | null {
    return this.#information.value
  }

  /** Starts from what an earlier process knew. */
  resume(known: { addresses: FeedAddresses | null; validators: Validators | null }): void {
    if (known.addresses !== null) this.#discovery.resume(known.addresses)
    this.#validators = known.validators
  }

  /** The answer that came with these is published: the next request may be answered 304. */
  confirm(validators: Validators | null): void {
    if (validators !== null) this.#validators = validators
  }

  /** One poll. Never throws: a fault is a failed answer. */
  async read(): Promise<ReadPoll> {
    const { clock, system } = this.#options
    const began = clock.now()
    let information: InformationAnswer | null = null
    try {
      if (system.status_url === undefined && system.discovery_url !== undefined) {
        await this.#discovery.refresh(system.discovery_url)
      }
      const addresses = this.addresses
      if (addresses === null) throw this.#discovery.error
      const separate = addresses.information_url !== addresses.status_url
      const [renewed] = await Promise.all([
        separate && this.#information.refresh(addresses.information_url),
        addresses.vehicle_types_url === null ? false : this.#types.refresh(addresses.vehicle_types_url),
      ])
      if (renewed) information = this.#information.value
      return { ...(await this.#readStatus(addresses.status_url)), information, retryAfterMs: null }
    } catch (error) {
      this.#discovery.expire()
      const fetched_utc = clock.now()
      const duration_ms = fetched_utc - began
      return {
        answer: { kind: 'failed', ...failureOf(error), fetched_utc, duration_ms },
        validators: null,
        information,
        retryAfterMs: askedPause(error),
      }
    }
  }

  async #readStatus(url: string): Promise<Pick<ReadPoll, 'answer' | 'validators'>> {
    const { clock, config } = this.#options
    const began = clock.now()
    const fetched = await this.#fetch(url, this.#validators, config.retries)
    const fetched_utc = clock.now()
    const duration_ms = fetched_utc - began
    if (fetched.kind === 'not_modified') {
      return { answer: { kind: 'not_modified', fetched_utc, duration_ms }, validators: null }
    }
    const status = this.#parse(readJson(fetched.body))
    const content = createHash('sha256').update(fetched.body).digest('hex')
    return {
      answer: { kind: 'status', status, content, fetched_utc, duration_ms },
      validators: fetched.validators,
    }
  }

  #parse(json: unknown): StatusAnswer {
    if (isOpendatasoft(json)) return parseOpendatasoft(json)
    const vehicleTypes = this.#types.value
    return parseStatus(json, vehicleTypes === null ? {} : { vehicleTypes })
  }

  #slowFile<T>(file: string, read: (body: Buffer) => { value: T; ttlSeconds: number | null }): SlowFile<T> {
    const { clock, logger, system, config } = this.#options
    return new SlowFile<T>({
      clock,
      // A poll does not wait for tries at a file whose last good version will do.
      fetch: (url, { validators, kept }) => this.#fetch(url, validators, kept ? 0 : config.retries),
      read,
      failed: (error, kept) => {
        const { code, message } = failureOf(error)
        const use = kept ? 'the last good one is used on' : 'there is none yet'
        logger.warn({ system: system.id, file, code }, `${file} could not be read, ${use}: ${message}`)
      },
    })
  }

  #fetch(url: string, validators: Validators | null, retries: number): Promise<Fetched> {
    const { config, clock, random, stop, abort } = this.#options
    return withRetries({
      attempt: () => fetchOnce({ url, limits: config, validators, signal: abort }),
      retries,
      clock,
      random,
      stop,
    })
  }
}

function askedPause(error: unknown): number | null {
  const asked = error instanceof VelocastError ? error.data.retryAfterMs : null
  return typeof asked === 'number' ? asked : null
}
