/** How much each other system of a partition has done since this one was last heard of. */
export class Silence {
  readonly #since = new Map<string, number>()

  heard(): void {
    this.#since.clear()
  }

  /** Counts one more of `active`; gives how many there were. */
  goesOn(active: string): number {
    const count = (this.#since.get(active) ?? 0) + 1
    this.#since.set(active, count)
    return count
  }
}
