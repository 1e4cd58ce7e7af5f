/** What a listener writes to: the part of an HTTP response that it needs. */
export interface EventSink {
  readonly writableNeedDrain: boolean
  write(text: string): boolean
  end(): void
  destroy(): void
  on(event: 'drain' | 'close', callback: () => void): unknown
}

/** Ticks (seconds) that a client may leave an event unread before it is dropped. */
export const MAX_TICKS_BEHIND = 30

/**
 * One client of an event stream. At most one event waits for a client that reads slowly: what comes meanwhile is
 * left out, and once it has caught up it gets the whole newest state. The event's text is shared by all clients.
 */
export class Listener {
  readonly #sink: EventSink
  readonly #newest: () => string | null
  #ticksBehind = 0
  /** True until a whole state was written, and again after an event was left out. */
  #needsWhole = true

  constructor({ sink, newest }: { sink: EventSink; newest: () => string | null }) {
    this.#sink = sink
    this.#newest = newest
    sink.on('drain', () => this.catchUp())
  }

  /** Writes the whole newest state if the client lacks it and can take it. */
  catchUp(): void {
    if (!this.#needsWhole || this.#sink.writableNeedDrain) return
    const text = this.#newest()
    if (text === null) return
    this.#needsWhole = false
    this.#sink.write(text)
  }

  /** The next thing this client gets is the whole newest state. */
  reset(): void {
    this.#needsWhole = true
    this.catchUp()
  }

  /** Writes a change to a client that has everything before it; leaves it out for one that reads slowly. */
  change(text: string): void {
    if (this.#needsWhole) this.catchUp()
    else if (this.#sink.writableNeedDrain) this.#needsWhole = true
    else this.#sink.write(text)
  }

  heartbeat(text: string): void {
    if (!this.#sink.writableNeedDrain) this.#sink.write(text)
  }

  /** Called once a second. False when the client reads too slowly and must go. */
  tick(): boolean {
    this.#ticksBehind = this.#sink.writableNeedDrain ? this.#ticksBehind + 1 : 0
    return this.#ticksBehind <= MAX_TICKS_BEHIND
  }

  end(): void {
    this.#sink.end()
  }

  destroy(): void {
    this.#sink.destroy()
  }
}
