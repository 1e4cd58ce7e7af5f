import type { Clock } from '../clock.ts'
import { hasCode, VelocastError } from '../errors.ts'
import type { ObjectStore } from '../object-store/port.ts'

/** What a lease's object holds. Times are epoch ms. */
interface LeaseRecord {
  owner: string
  /** Grows by one with every owner: a later owner has the greater token. */
  token: number
  acquired_utc: number
  /** From this time on anyone may take it; 0 when it was given back. */
  expires_utc: number
}

export interface LeaseOptions {
  objects: ObjectStore
  clock: Clock
  /** `<system>/leases/<job>.json`. */
  path: string
  /** Names the holder for people: host, process and a part that no other holder has. */
  owner: string
  /** How long the lease lasts without renewal; a killed holder blocks others for this long. Default 1 minute. */
  ttlMs?: number
  /** How long to wait for another holder before `lease_held` is thrown. Default 0. */
  waitMs?: number
}

export interface Lease {
  readonly token: number
  /** Extends the lease. Throws `lease_lost` when it is no longer ours: stop, another may be at work. */
  renew(): Promise<void>
}

/**
 * Long enough for a slow store's retries between renewals (every third of it), short enough that the schedule's next
 * run finds a killed holder's lease expired.
 */
const DEFAULT_TTL_MS = 60_000
/** Between two looks at a lease that another holds. */
const WAIT_STEP_MS = 2_000

/**
 * Runs `work` while holding the lease, renewing it in the background, and gives it back after.
 * Throws `lease_held` when another holds it. Clocks of holders must agree within the time to live; what is
 * published must be guarded by generation all the same, for a stopped process may wake up after its lease ended.
 */
export async function withLease<T>(options: LeaseOptions, work: (lease: Lease) => Promise<T>): Promise<T> {
  const held = await acquireInTime(options)
  const stop = new AbortController()
  const renewing = renewUntil(held, options, stop.signal)
  try {
    return await work(held)
  } finally {
    stop.abort()
    await renewing
    await held.release()
  }
}

async function renewUntil(
  held: HeldLease,
  { clock, ttlMs = DEFAULT_TTL_MS }: LeaseOptions,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(ttlMs / 3, signal)
    if (signal.aborted) return
    try {
      await held.renew()
    } catch (error) {
      // A lost lease is told to the work at its next own renewal; an unreachable store is tried again.
      if (hasCode(error, 'lease_lost')) return
    }
  }
}

async function acquireInTime(options: LeaseOptions): Promise<HeldLease> {
  const { clock, waitMs = 0 } = options
  const deadline = clock.now() + waitMs
  for (;;) {
    try {
      return await acquire(options)
    } catch (error) {
      if (!hasCode(error, 'lease_held') || clock.now() >= deadline) throw error
      await clock.sleep(Math.min(WAIT_STEP_MS, deadline - clock.now()))
    }
  }
}

async function acquire(options: LeaseOptions): Promise<HeldLease> {
  const { objects, clock, path, owner, ttlMs = DEFAULT_TTL_MS } = options
  const existing = await objects.get(path)
  const previous = existing === null ? null : parse(existing.bytes)
  const now = clock.now()
  if (previous !== null && previous.expires_utc > now) throw heldByOther(path, previous)
  const record: LeaseRecord = {
    owner,
    token: (previous?.token ?? 0) + 1,
    acquired_utc: now,
    expires_utc: now + ttlMs,
  }
  try {
    const { generation } = await objects.put(path, encode(record), {
      ifGeneration: existing?.generation ?? 'absent',
      contentType: 'application/json',
    })
    return new HeldLease(options, record, generation)
  } catch (error) {
    if (!hasCode(error, 'store_precondition_failed')) throw error
    const winner = await objects.get(path)
    throw heldByOther(path, winner === null ? null : parse(winner.bytes))
  }
}

class HeldLease implements Lease {
  readonly token: number
  readonly #options: LeaseOptions
  #record: LeaseRecord
  #generation: string
  #turn: Promise<void> = Promise.resolve()

  constructor(options: LeaseOptions, record: LeaseRecord, generation: string) {
    this.token = record.token
    this.#options = options
    this.#record = record
    this.#generation = generation
  }

  renew(): Promise<void> {
    return this.#inTurn(async () => {
      const { clock, ttlMs = DEFAULT_TTL_MS } = this.#options
      const now = clock.now()
      if (this.#record.expires_utc <= now) throw lost(this.#options.path, this.#record)
      await this.#write({ ...this.#record, expires_utc: now + ttlMs })
    })
  }

  /** Gives the lease back; its object stays, for the token must go on growing. Never throws: it expires anyhow. */
  release(): Promise<void> {
    return this.#inTurn(() => this.#write({ ...this.#record, expires_utc: 0 })).catch(() => undefined)
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => undefined)
    return result
  }

  async #write(record: LeaseRecord): Promise<void> {
    const { objects, path } = this.#options
    try {
      const put = { ifGeneration: this.#generation, contentType: 'application/json' }
      this.#generation = (await objects.put(path, encode(record), put)).generation
      this.#record = record
    } catch (error) {
      if (!hasCode(error, 'store_precondition_failed')) throw error
      this.#record = { ...this.#record, expires_utc: 0 }
      throw lost(path, record)
    }
  }
}

function encode(record: LeaseRecord): Buffer {
  return Buffer.from(`${JSON.stringify(record)}\n`)
}

/** A lease that cannot be read counts as expired: its generation still guards the taking. */
function parse(bytes: Buffer): LeaseRecord | null {
  try {
    const record = JSON.parse(bytes.toString()) as Partial<LeaseRecord>
    const { owner, token, acquired_utc, expires_utc } = record
    if (typeof token !== 'number' || typeof expires_utc !== 'number') return null
    return { owner: String(owner), token, acquired_utc: acquired_utc ?? 0, expires_utc }
  } catch {
    return null
  }
}

function heldByOther(path: string, record: LeaseRecord | null): VelocastError {
  const holder =
    record === null ? 'another' : `${record.owner} until ${new Date(record.expires_utc).toISOString()}`
  return new VelocastError({
    code: 'lease_held',
    retryable: true,
    message: `lease ${path} is held; wait for its holder or its end: ${holder}`,
    data: { path, ...record },
  })
}

function lost(path: string, record: LeaseRecord): VelocastError {
  return new VelocastError({
    code: 'lease_lost',
    retryable: true,
    message: `lease ${path} was lost, nothing more is published or deleted under it; run again: token ${record.token}`,
    data: { path, ...record },
  })
}
