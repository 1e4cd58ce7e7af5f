import type { Clock } from '../../platform/clock.ts'
import type { SystemLookUp } from '../../platform/look-up-store/port.ts'
import { type SystemView, usableLookUp } from '../look-up-view.ts'
import {
  type CompactState,
  compactColumns,
  compactRow,
  compactStateText,
  type RowTexts,
  rowChanges,
  rowTexts,
} from './compact-state.ts'
import type { Listener } from './listener.ts'

/** How often the sequence is read while somebody listens, ms. */
const TICK_MS = 1000
/** A heartbeat every so many ticks: below the 30 s after which proxies close a silent connection. */
const HEARTBEAT_TICKS = 10

/** What a channel says of its system beside the state. */
export interface ChannelSubject {
  system: string
  name: string | null
  timezone: string
  stale_after_s: number
  withhold_after_s: number
}

interface ChannelReader {
  state(system: string): Promise<SystemLookUp | null>
  view(system: string): Promise<SystemView | null>
}

interface Shown {
  sequence: number | null
  head: Omit<CompactState, 'rows' | 'removed' | 'full'>
  rows: RowTexts
}

/**
 * The event stream of one system: reads its sequence once a second and, when that moved, its stations once, and
 * writes what changed to every listener. Ends for good when its last listener leaves. Holds one state, as text by station.
 */
export class SystemChannel {
  readonly #subject: ChannelSubject
  readonly #reader: ChannelReader
  readonly #clock: Clock
  readonly #dropped: () => void
  readonly #failed: (error: unknown) => void
  readonly #listeners = new Set<Listener>()
  readonly #stop = new AbortController()
  #running = false
  #shown: Shown | null = null
  #whole: string | null = null
  #reachable = true
  #ticks = 0

  constructor(options: {
    subject: ChannelSubject
    reader: ChannelReader
    clock: Clock
    /** Called for each listener that read too slowly. */
    dropped: () => void
    /** Called once an outage of the look-up store. */
    failed: (error: unknown) => void
  }) {
    this.#subject = options.subject
    this.#reader = options.reader
    this.#clock = options.clock
    this.#dropped = options.dropped
    this.#failed = options.failed
  }

  get size(): number {
    return this.#listeners.size
  }

  /** The whole newest state as an event; null before the first read. */
  newest(): string | null {
    const shown = this.#shown
    if (shown === null) return null
    this.#whole ??= event({
      name: 'update',
      id: shown.sequence,
      data: compactStateText({ head: { full: true, ...shown.head }, rows: shown.rows.values(), removed: [] }),
    })
    return this.#whole
  }

  add(listener: Listener): void {
    this.#listeners.add(listener)
    listener.catchUp()
    if (!this.#running) void this.#run()
  }

  remove(listener: Listener): void {
    this.#listeners.delete(listener)
    if (this.#listeners.size === 0) this.#stop.abort()
  }

  /** Ends every stream. */
  close(): void {
    for (const listener of this.#listeners) listener.end()
    this.#listeners.clear()
    this.#stop.abort()
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#listeners.size > 0) {
      await this.#tick()
      await this.#clock.sleep(TICK_MS, this.#stop.signal)
    }
  }

  async #tick(): Promise<void> {
    try {
      await this.#read()
      this.#reachable = true
    } catch (error) {
      if (this.#reachable) this.#failed(error)
      this.#reachable = false
    }
    for (const listener of this.#listeners) {
      if (listener.tick()) continue
      this.#listeners.delete(listener)
      listener.destroy()
      this.#dropped()
    }
    this.#ticks += 1
    if (this.#ticks % HEARTBEAT_TICKS !== 1) return
    const data = JSON.stringify({
      now_utc: this.#clock.now(),
      look_ups: this.#reachable ? 'ok' : 'unreachable',
    })
    const text = event({ name: 'heartbeat', id: null, data })
    for (const listener of this.#listeners) listener.heartbeat(text)
  }

  async #read(): Promise<void> {
    const { system } = this.#subject
    const state = await this.#reader.state(system)
    if (this.#shown !== null && this.#shown.sequence === (state?.sequence ?? null)) return
    const view = state === null ? null : await this.#reader.view(system)
    const before = this.#shown
    const after = this.#show(view)
    this.#shown = after
    this.#whole = null
    if (before === null || before.head.columns.join() !== after.head.columns.join()) {
      for (const listener of this.#listeners) listener.reset()
      return
    }
    const { rows, removed } = rowChanges({ before: before.rows, after: after.rows })
    const data = compactStateText({ head: { full: false, ...after.head }, rows, removed })
    const text = event({ name: 'update', id: after.sequence, data })
    for (const listener of this.#listeners) listener.change(text)
  }

  #show(view: SystemView | null): Shown {
    const sequence = view?.state.sequence ?? null
    const head = {
      ...this.#subject,
      sequence,
      state: view?.state ?? null,
      columns: compactColumns(view?.state.horizons ?? []),
    }
    if (view === null) return { sequence, head, rows: new Map() }
    const { state, stations } = view
    const now = this.#clock.now()
    const rows = stations.map((station) =>
      compactRow({ lookUp: usableLookUp({ lookUp: station, source: state.source, now }), state }),
    )
    return { sequence, head, rows: rowTexts(rows) }
  }
}

/** One server-sent event. `data` is one line. */
function event({ name, id, data }: { name: string; id: number | null; data: string }): string {
  return `event: ${name}\n${id === null ? '' : `id: ${id}\n`}data: ${data}\n\n`
}
