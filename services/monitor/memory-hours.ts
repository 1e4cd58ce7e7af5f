import { type Bundle, mergeAll } from '../domain/aggregates/bundle.ts'
import { binChanges } from '../domain/aggregates/motion-view.ts'
import { type ValuesState, values } from '../domain/aggregates/values.ts'
import type { BinChange } from '../domain/frozen.ts'
import type { HourSource } from './hour-source.ts'

/** Hour aggregates in memory. Holds the window's bundles, and of the reference values and changes. */
export class MemoryHours implements HourSource {
  readonly #bundles = new Map<number, Bundle>()
  readonly #values = new Map<number, ValuesState>()
  readonly #changes = new Map<number, BinChange[]>()

  add(hour: number, bundle: Bundle, inWindow: boolean): void {
    if (inWindow) this.#bundles.set(hour, bundle)
    this.#values.set(hour, bundle.values)
    this.#changes.set(hour, binChanges(bundle.motion))
  }

  hours(start: number, end: number): number[] {
    return [...this.#values.keys()].filter((hour) => hour >= start && hour < end).sort((a, b) => a - b)
  }

  async merged(hours: readonly number[]): Promise<Bundle> {
    return mergeAll(hours.map((hour) => this.#bundles.get(hour)!))
  }

  async values(hours: readonly number[]): Promise<ValuesState> {
    return hours.map((hour) => this.#values.get(hour)!).reduce(values.merge, values.empty())
  }

  async changes(hours: readonly number[]): Promise<BinChange[]> {
    return hours.flatMap((hour) => this.#changes.get(hour)!)
  }
}
