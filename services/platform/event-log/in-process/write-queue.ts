interface Write {
  work: () => void
  resolve: () => void
  reject: (error: unknown) => void
}

export interface WriteQueueOptions {
  /** Runs all of `work` or nothing; its error is what the writes get. Gives what is to be done once it is durable. */
  transaction(work: () => void): () => void
  /** Resolves when every transaction that ended is durable. */
  sync(): Promise<void>
}

/**
 * Writes in their order, as few transactions: what comes while the disk is synced is the next one, so one sync serves
 * every publish and commit of its time, and the event loop goes on meanwhile. When a transaction fails each of its
 * writes is tried by itself: a write pays for its own fault alone. Holds what came during one sync.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions
  #waiting: Write[] = []
  #running: Promise<void> | null = null
  /** Transactions are told to be durable in their order. */
  #settled: Promise<void> = Promise.resolve()

  constructor(options: WriteQueueOptions) {
    this.#options = options
  }

  /** Resolves when `work` is durable. `work` may run twice, the first time rolled back. */
  add(work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject })
      this.#running ??= nextTurn().then(() => this.#run())
    })
  }

  /** Runs what waits in its transaction now, so that a synchronous one after it sees it. */
  flush(): void {
    const writes = this.#waiting
    this.#waiting = []
    void this.#settle(this.#write(writes))
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
    await this.#settled
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const writes = this.#waiting
      this.#waiting = []
      await this.#settle(this.#write(writes))
    }
    this.#running = null
  }

  /** Gives the writes whose transaction ended well, with what is due once they are durable. */
  #write(writes: Write[]): { durable: () => void; writes: Write[] }[] {
    if (writes.length === 0) return []
    try {
      const durable = this.#options.transaction(() => {
        for (const { work } of writes) work()
      })
      return [{ durable, writes }]
    } catch (error) {
      if (writes.length > 1) return writes.flatMap((write) => this.#write([write]))
      writes[0]!.reject(error)
      return []
    }
  }

  #settle(written: { durable: () => void; writes: Write[] }[]): Promise<void> {
    if (written.length === 0) return this.#settled
    const synced = this.#options.sync().then(
      () => null,
      (error: unknown) => ({ error }),
    )
    this.#settled = this.#settled.then(async () => this.#tell(written, await synced))
    return this.#settled
  }

  #tell(written: { durable: () => void; writes: Write[] }[], failure: { error: unknown } | null): void {
    for (const { durable, writes } of written) {
      durable()
      for (const { resolve, reject } of writes) {
        if (failure === null) resolve()
        else reject(failure.error)
      }
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
