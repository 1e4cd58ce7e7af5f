const ARRIVED = 0
const GENERATION = 1
const SPINS = 4000

export const TEAM_WORDS = 2

/**
 * Threads that run the same program on shared memory and meet at barriers. Everything written before a barrier is
 * read by every thread after it.
 */
export class Team {
  readonly size: number
  /** 0 … size − 1. */
  readonly thread: number
  readonly #control: Int32Array

  constructor({ size, thread, control }: { size: number; thread: number; control: Int32Array }) {
    this.size = size
    this.thread = thread
    this.#control = control
  }

  /** Returns when every thread has come here. Spins for some microseconds, then sleeps. */
  barrier(): void {
    if (this.size === 1) return
    const control = this.#control
    const generation = Atomics.load(control, GENERATION)
    if (Atomics.add(control, ARRIVED, 1) === this.size - 1) {
      Atomics.store(control, ARRIVED, 0)
      Atomics.add(control, GENERATION, 1)
      Atomics.notify(control, GENERATION)
      return
    }
    for (let spin = 0; spin < SPINS; spin += 1) {
      if (Atomics.load(control, GENERATION) !== generation) return
    }
    while (Atomics.load(control, GENERATION) === generation) Atomics.wait(control, GENERATION, generation)
  }
}
