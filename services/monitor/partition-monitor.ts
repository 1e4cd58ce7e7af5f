import { DAY_MS, floorHour, HOUR_MS } from '../domain/bin.ts'
import { PollAssembler } from '../domain/poll-assembly.ts'
import type { DecodedRecord } from '../platform/event-log/consume.ts'
import type { Platform } from '../platform/service.ts'
import { assess } from './assessment.ts'
import { driftArtefacts } from './drift-artefacts.ts'
import { freshnessArtefact } from './freshness.ts'
import { healthArtefacts } from './health-artefacts.ts'
import { HourArchive } from './hour-archive.ts'
import { durableOffsets, type LedgerEntry, readLedger, writeLedger } from './ledger.ts'
import type { MonitorMetrics } from './metrics.ts'
import { MonitorObjects } from './monitor-objects.ts'
import { PartitionScores } from './performance/partition-scores.ts'
import { type Published, publishArtefacts } from './publish.ts'
import { recomputeHour } from './recompute.ts'
import { SystemMonitor } from './system-monitor.ts'

export interface PartitionMonitorOptions {
  platform: Platform
  partition: number
  epoch: number
  metrics: MonitorMetrics
  published: Published
  step: (name: string) => Promise<void>
}

/** State of one status partition in one epoch: dropped whole when the epoch ends. */
export class PartitionMonitor {
  readonly partition: number
  readonly epoch: number
  /** Offset after the last record that was taken. */
  applied = 0
  /** Where to begin reading; null for a partition that never had a ledger. */
  startOffset: number | null = null
  readonly systems = new Map<string, SystemMonitor>()
  readonly #scores: PartitionScores
  readonly #options: PartitionMonitorOptions
  readonly #owned: MonitorObjects
  readonly #assembler = new PollAssembler()
  #generation: string | null = null
  /** Systems whose window artefacts are due, and whose freshness is. */
  readonly #windowDue = new Set<string>()
  readonly #freshnessDue = new Set<string>()

  constructor(options: PartitionMonitorOptions) {
    this.#options = options
    this.partition = options.partition
    this.epoch = options.epoch
    const { platform, partition, metrics, published } = options
    this.#owned = new MonitorObjects(platform.objects)
    this.#scores = new PartitionScores({ platform, partition, metrics: metrics.performance, published })
  }

  async load(): Promise<void> {
    const found = await readLedger(this.#options.platform.objects, this.partition)
    if (found === null) return
    this.#generation = found.generation
    this.startOffset = found.ledger.next_offset
    for (const [system, entry] of Object.entries(found.ledger.systems)) {
      const { archive, closedThrough } = await this.#open(system, entry)
      if (closedThrough !== null && archive.hours(0, floorHour(closedThrough)).length > 0) {
        this.#windowDue.add(system)
      }
    }
  }

  /** Takes records in order; those below `applied` were taken before an error and are passed over. */
  async take(records: readonly DecodedRecord[]): Promise<void> {
    for (const monitor of this.systems.values()) await monitor.closeDue()
    for (const { record, decoded } of records) {
      if (record.offset < this.applied) continue
      if (decoded.name === 'StationObservation') this.#assembler.addObservation(record.offset, decoded.value)
      if (decoded.name !== 'PollRecord') {
        this.applied = record.offset + 1
        continue
      }
      const { system } = decoded.value
      const monitor = this.systems.get(system) ?? (await this.#open(system, null))
      for (const poll of this.#assembler.addPollRecord(record.offset, decoded.value)) monitor.take(poll)
      this.applied = record.offset + 1
      this.#freshnessDue.add(system)
      await monitor.closeDue()
    }
  }

  /** Closes every bin: the input is at its end. */
  async closeAll(): Promise<void> {
    for (const monitor of this.systems.values()) {
      await monitor.closeAll()
      if (monitor.closedThrough !== null) this.#windowDue.add(monitor.system)
    }
  }

  /** True when an hour ended, or there is no ledger yet. */
  isDue(): boolean {
    return this.#generation === null || [...this.systems.values()].some((monitor) => monitor.hasEndedHour())
  }

  /** Writes changed hours, then the ledger. */
  async persist(): Promise<void> {
    const { step } = this.#options
    for (const monitor of this.systems.values()) {
      if (monitor.hasEndedHour()) this.#windowDue.add(monitor.system)
      await monitor.writeHours()
    }
    await step('hours')
    await this.#writeLedger()
    await step('ledger')
  }

  /**
   * Recomputes dirty hours that are over (with `unfinished` also the last one) and whose late rows the sink has made
   * durable. False when some have to wait for the sink.
   */
  async recompute({ unfinished = false } = {}): Promise<boolean> {
    const waiting = [...this.systems.values()].filter(({ dirty }) => dirty.size > 0)
    for (const { system, dirty } of waiting) this.#options.metrics.dirtyHours.set({ system }, dirty.size)
    if (waiting.length === 0) return true
    const { objects } = this.#options.platform
    const durable = await durableOffsets(objects, this.partition)
    let complete = true
    for (const monitor of waiting) {
      const { system, dirty, closedThrough } = monitor
      let replaced = false
      for (const [hour, offset] of [...dirty].sort(([a], [b]) => a - b)) {
        const over = !monitor.isOpen(hour) && (unfinished || hour + HOUR_MS <= closedThrough!)
        if (!over || (durable.get(system) ?? 0) < offset) {
          complete = false
          continue
        }
        await monitor.replaceHour(
          hour,
          await recomputeHour({ objects, system, hour, through: closedThrough! }),
        )
        await this.#options.step('recomputed')
        this.#options.metrics.recomputed.inc({ system })
        replaced = true
      }
      this.#options.metrics.dirtyHours.set({ system }, dirty.size)
      if (replaced) {
        this.#windowDue.add(system)
        await this.#writeLedger()
        await this.#options.step('replaced')
      }
    }
    return complete
  }

  /** Publishes what is due: window artefacts up to the last whole hour (with `unfinished` to the last bin), freshness. */
  async publish({ unfinished = false } = {}): Promise<void> {
    const { platform, metrics, published, step } = this.#options
    for (const system of [...this.#windowDue]) {
      const monitor = this.systems.get(system)!
      const configured = platform.config.systems.find(({ id }) => id === system)
      const { window_days: windowDays, reference_days: referenceDays } = platform.config.monitor
      const assessment = await assess({
        system,
        timezone: configured?.timezone ?? 'UTC',
        end: unfinished ? monitor.closedThrough! : floorHour(monitor.closedThrough!),
        windowDays,
        referenceDays,
        source: monitor.archive,
      })
      const artefacts = [...healthArtefacts(assessment), ...driftArtefacts(assessment)]
      const { window } = assessment
      await publishArtefacts({ platform, system, window, artefacts, published })
      metrics.assessed(assessment)
      this.#windowDue.delete(system)
      await step('artefacts')
    }
    for (const system of [...this.#freshnessDue]) {
      const { newest } = this.systems.get(system)!
      if (newest !== null) {
        const artefact = freshnessArtefact(newest)
        const end = newest.newest.fetched_utc
        const window = { start: end - DAY_MS, end }
        await publishArtefacts({ platform, system, window, artefacts: [artefact], published })
        metrics.fresh(system, artefact)
      }
      this.#freshnessDue.delete(system)
    }
    await step('freshness')
  }

  /** Scores served forecasts as far as the sink is; false when hours with late rows have to wait for it. */
  async score(): Promise<boolean> {
    const complete = await this.#scores.score((system) => this.systems.get(system)?.revised)
    await this.#options.step('scored')
    return complete
  }

  async #open(system: string, entry: LedgerEntry | null): Promise<SystemMonitor> {
    const { objects } = this.#options.platform
    const archive = await HourArchive.open({
      objects,
      system,
      recompute: (hour) => recomputeHour({ objects, system, hour }),
    })
    const longestHorizonMs = Math.max(...this.#options.platform.config.horizons) * 60_000
    const monitor = new SystemMonitor({ system, archive, entry, longestHorizonMs })
    await monitor.resume()
    this.systems.set(system, monitor)
    return monitor
  }

  async #writeLedger(): Promise<void> {
    const pending = [...this.systems.values()].map((monitor) => monitor.oldestPendingOffset())
    const offsets = [...pending, this.#assembler.oldestOpenOffset(), this.applied].filter(
      (offset) => offset !== null,
    )
    const systems = [...this.systems].sort(([a], [b]) => (a < b ? -1 : 1))
    this.#generation = await writeLedger(
      this.#owned,
      this.partition,
      {
        version: 1,
        epoch: this.epoch,
        next_offset: Math.min(...offsets),
        systems: Object.fromEntries(systems.map(([system, monitor]) => [system, monitor.entry()])),
      },
      this.#generation,
    )
  }
}
