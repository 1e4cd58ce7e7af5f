import type { Source } from '../domain/poll.ts'
import type { LookUp, LookUpStore, SystemLookUp } from '../platform/look-up-store/port.ts'

/** A system and all its stations as of one publish. */
export interface SystemView {
  state: SystemLookUp
  /** Sorted by station id. */
  stations: LookUp[]
}

/**
 * A look-up as a reader may use it at `now` (epoch ms): without its forecast once that is no longer valid. In a
 * replay the forecasts belong to recorded time and stay: no clock of today says anything of them.
 */
export function usableLookUp({
  lookUp,
  source,
  now,
}: {
  lookUp: LookUp
  source: Source
  now: number
}): LookUp {
  if (source === 'replay' || lookUp.forecast === null || now < lookUp.forecast.valid_until) return lookUp
  return { ...lookUp, forecast: null }
}

/**
 * Reads look-ups, one whole read of a system a publish however many ask. Holds the newest view of each system that
 * was asked for.
 */
export class LookUpReader {
  readonly #store: LookUpStore
  readonly #views = new Map<string, { sequence: number; view: Promise<SystemView> }>()
  /** Why the last read failed; null when it succeeded, or nothing was read yet. */
  failure: string | null = null

  constructor({ store }: { store: LookUpStore }) {
    this.#store = store
  }

  async systems(): Promise<SystemLookUp[]> {
    return this.#watch(this.#store.systems())
  }

  async state(system: string): Promise<SystemLookUp | null> {
    const state = await this.#watch(this.#store.system(system))
    if (state === null) this.#views.delete(system)
    return state
  }

  async station(system: string, stationId: string): Promise<LookUp | null> {
    return this.#watch(this.#store.station(system, stationId))
  }

  /** Null when the system was never published, or has expired. */
  async view(system: string): Promise<SystemView | null> {
    const state = await this.state(system)
    if (state === null) return null
    const held = this.#views.get(system)
    if (held?.sequence === state.sequence) return held.view
    const view = this.#watch(this.#store.stations(system)).then((stations) => ({ state, stations }))
    this.#views.set(system, { sequence: state.sequence, view })
    view.catch(() => this.#views.delete(system))
    return view
  }

  async #watch<Value>(reading: Promise<Value>): Promise<Value> {
    try {
      const value = await reading
      this.failure = null
      return value
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error)
      throw error
    }
  }
}
