import type { Clock } from '../../platform/clock.ts'

/** Simulated time: follows a clock at a speed, and can be moved by hand. */
export class SimulatedTime {
  readonly #clock: Clock
  readonly #speed: number
  readonly #began: number
  #start: number

  /** `speed` 60 is an hour a minute; 0 stands still until it is moved. */
  constructor({ clock, start, speed }: { clock: Clock; start: number; speed: number }) {
    this.#clock = clock
    this.#speed = speed
    this.#began = clock.now()
    this.#start = start
  }

  /** Epoch ms. */
  now(): number {
    return Math.floor(this.#start + (this.#clock.now() - this.#began) * this.#speed)
  }

  advance(ms: number): void {
    this.#start += ms
  }
}
