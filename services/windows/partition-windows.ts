import { floorBin } from '../domain/bin.ts'
import type { Observation } from '../domain/observation.ts'
import { type AssembledPoll, PollAssembler } from '../domain/poll-assembly.ts'
import { fitsSlot } from '../domain/slot.ts'
import { writesWithout } from '../domain/slot-table.ts'
import { SystemWindow } from '../domain/system-window.ts'
import type { WindowUpdate } from '../domain/window.ts'
import { hasCode, isRetryable } from '../platform/errors.ts'
import type { DecodedBatch } from '../platform/event-log/consume.ts'
import type { Platform } from '../platform/service.ts'
import { TOPICS } from '../platform/topics.ts'
import type { WindowsMetrics } from './metrics.ts'
import { recall } from './recall.ts'
import { updateRecord } from './update-record.ts'

/** Steps of the commit protocol, as a fault hook sees them. */
export type WindowsStep = 'merged' | 'written' | 'published' | 'committed'

/** Most records that an unfinished poll may hold a commit back by: a poll of the largest city, five times over. */
const MOST_HELD_BACK = 500_000

interface EndedPoll extends AssembledPoll {
  /** Source of the poll, or of the one that ended it. */
  source: string
  traceparent: string | null
}

interface OwnedSystem {
  window: SystemWindow
  epoch: number
  /** True when the store may lack what memory has: whole windows are due. */
  restore: boolean
  /** True when Parquet is to be asked for what neither store nor log had. */
  recall: boolean
}

export interface PartitionWindowsOptions {
  platform: Pick<Platform, 'windows' | 'objects' | 'log' | 'codec' | 'logger'>
  metrics: WindowsMetrics
  /** Committed position at the epoch's start: below it there are no effects, only windows to fill. */
  committed: number
  /** True when the log does not reach back as far as a ring. */
  logIsShort: boolean
  commit(offset: number): Promise<void>
  fault(step: WindowsStep): Promise<void>
}

/**
 * The windows of one partition's systems in one epoch; see `createWindowsService` for the protocol. A batch that failed
 * may be given again: what was assembled stays, the poll that failed comes first.
 */
export class PartitionWindows {
  readonly #options: PartitionWindowsOptions
  readonly #assembler = new PollAssembler()
  readonly #systems = new Map<string, OwnedSystem>()
  readonly #ended: EndedPoll[] = []
  #assembledThrough = 0
  #committed: number

  constructor(options: PartitionWindowsOptions) {
    this.#options = options
    this.#committed = options.committed
  }

  async handle(batch: DecodedBatch): Promise<void> {
    this.#assemble(batch)
    while (this.#ended.length > 0) {
      if (batch.signal.aborted) return
      const end = this.#options.metrics.tick.startTimer()
      await this.#handlePoll(this.#ended[0]!, batch.signal)
      end()
    }
    if (batch.nextOffset < this.#options.committed) return
    for (const owned of this.#systems.values()) {
      if (owned.restore) await this.#store(owned, [], batch.signal)
    }
    await this.#commitBefore(batch.nextOffset)
  }

  #assemble({ records, nextOffset }: DecodedBatch): void {
    for (const { record, decoded } of records) {
      if (record.offset < this.#assembledThrough) continue
      if (decoded.name === 'StationObservation') this.#assembler.addObservation(record.offset, decoded.value)
      if (decoded.name !== 'PollRecord') continue
      const traceparent = record.headers.traceparent ?? null
      for (const poll of this.#assembler.addPollRecord(record.offset, decoded.value)) {
        this.#ended.push({ ...poll, source: decoded.value.source, traceparent })
      }
    }
    this.#assembledThrough = Math.max(this.#assembledThrough, nextOffset)
  }

  async #handlePoll(poll: EndedPoll, signal: AbortSignal): Promise<void> {
    const { metrics, fault, platform } = this.#options
    const owned = await this.#own(poll.system)
    if (poll.nextOffset <= this.#options.committed) {
      owned.window.merge(poll.observations)
      owned.restore = true
      this.#ended.shift()
      return
    }
    if (owned.recall) await this.#recall(owned, poll)
    await this.#store(owned, poll.observations, signal)
    await fault('written')
    const update = owned.window.update(pollFacts(poll))
    if (update === null) {
      platform.logger.debug(
        { system: poll.system, poll: poll.poll?.poll_id },
        'windows: nothing observed yet',
      )
    } else {
      const record = updateRecord({ codec: platform.codec, update, parent: poll.traceparent })
      await platform.log.publish(TOPICS.windowUpdates, [record])
      metrics.polls.inc({ outcome: update.outcome })
      metrics.newest.set({ system: poll.system }, update.tbin_utc / 1000)
      metrics.stations.set({ system: poll.system }, owned.window.size)
    }
    await fault('published')
    this.#ended.shift()
    await this.#commitBefore(poll.nextOffset)
    await fault('committed')
  }

  /** Claims a system's windows at its first poll in this epoch, and loads them. */
  async #own(system: string): Promise<OwnedSystem> {
    const known = this.#systems.get(system)
    if (known !== undefined) return known
    const { platform, logIsShort } = this.#options
    const epoch = await platform.windows.claim(system)
    const stored = await platform.windows.load(system)
    const window = new SystemWindow(system)
    window.load(stored)
    const owned = { window, epoch, restore: false, recall: logIsShort && stored.size === 0 }
    this.#systems.set(system, owned)
    return owned
  }

  /** Brings in what Parquet has of the bins before T, once. An object store that is down holds no poll up: the next one asks. */
  async #recall(owned: OwnedSystem, poll: EndedPoll): Promise<void> {
    const { metrics, platform } = this.#options
    const { system, newestBin } = owned.window
    const bins = poll.observations
      .filter(({ ts_utc }) => fitsSlot(ts_utc))
      .map(({ ts_utc }) => floorBin(ts_utc))
    const tbin = bins.reduce((a, b) => Math.max(a, b), newestBin ?? 0)
    if (tbin === 0) return
    try {
      const { objects } = platform
      const rows = await recall({ objects, system, tbin, fetchedThrough: pollFacts(poll).fetched_utc })
      owned.recall = false
      if (rows.length === 0) return
      owned.window.merge(rows)
      owned.restore = true
      metrics.recalled.inc(rows.length)
      platform.logger.info(
        { system, rows: rows.length },
        'windows: filled from parquet, the log is too short',
      )
    } catch (error) {
      owned.recall = isRetryable(error)
      platform.logger.warn(
        { err: error, system },
        'windows: parquet cannot be read, windows stay with what the log had',
      )
    }
  }

  /** Merges and writes. A refusal by a later owner, while we own the partition, is answered by claiming again. */
  async #store(owned: OwnedSystem, observations: Observation[], signal: AbortSignal): Promise<void> {
    const { metrics, fault, platform } = this.#options
    const { window } = owned
    // Merging again after a failed write changes nothing in memory, so the whole windows are due.
    const whole = owned.restore
    const { writes, rewritten, unfit } = window.merge(observations)
    owned.restore = true
    metrics.unfit.inc(unfit)
    await fault('merged')
    const { system, newestBin } = window
    if (newestBin === null) {
      owned.restore = false
      return
    }
    try {
      const due = new Set(rewritten)
      if (!whole) {
        const { missing } = await platform.windows.write({
          system,
          epoch: owned.epoch,
          newestBin,
          writes: writesWithout(writes, rewritten),
        })
        for (const stationId of missing) due.add(stationId)
      }
      const rings = window.packed(whole ? undefined : due)
      if (rings.size > 0) {
        await platform.windows.restore({ system, epoch: owned.epoch, newestBin, rings })
        metrics.restored.inc(rings.size)
      }
      owned.restore = false
    } catch (error) {
      if (!hasCode(error, 'window_stale_epoch') || signal.aborted) throw error
      platform.logger.warn({ err: error, system }, 'windows: claimed again')
      metrics.reclaimed.inc()
      owned.epoch = await platform.windows.claim(system)
      window.load(await platform.windows.load(system))
      await platform.windows.restore({
        system,
        epoch: owned.epoch,
        newestBin: window.newestBin ?? newestBin,
        rings: window.packed(),
      })
      owned.restore = false
    }
  }

  /** Commits `offset`, or less: no record of a poll that is unfinished or unhandled is passed. */
  async #commitBefore(offset: number): Promise<void> {
    const open = this.#assembler.oldestOpenOffset() ?? offset
    const unfinished = Math.max(open, this.#assembledThrough - MOST_HELD_BACK)
    const position = Math.min(offset, unfinished, ...this.#ended.map(({ firstOffset }) => firstOffset))
    if (position <= this.#committed) return
    await this.#options.commit(position)
    this.#committed = position
  }
}

/** What an update says of its poll. A poll that was given up has no poll record: its newest fetch stands in. */
function pollFacts(poll: EndedPoll): Pick<WindowUpdate, 'poll_id' | 'outcome' | 'source' | 'fetched_utc'> {
  if (poll.poll !== null) {
    const { poll_id, outcome, source, fetched_utc } = poll.poll
    return { poll_id, outcome, source, fetched_utc }
  }
  return {
    poll_id: poll.observations[0]?.poll_id ?? '',
    outcome: 'incomplete',
    source: poll.source,
    fetched_utc: Math.max(...poll.observations.map(({ fetched_utc }) => fetched_utc)),
  }
}
