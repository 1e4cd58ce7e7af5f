import type { Refusal, StationState } from '../status.ts'

interface Taken {
  state: StationState
  raw: unknown
  content: string
}

/**
 * Keeps one state a station, whatever the order in the file: the greatest by (last_reported, content), where
 * content is the state's fields joined as text. The others are refused as `station_duplicate`.
 * Holds the states of one answer.
 */
export class StationSelection {
  readonly #taken = new Map<string, Taken>()
  readonly refused: Refusal[] = []

  add(state: StationState, raw: unknown): void {
    const other = this.#taken.get(state.station_id)
    if (other === undefined) {
      this.#taken.set(state.station_id, { state, raw, content: '' })
      return
    }
    other.content ||= content(other.state)
    const candidate = { state, raw, content: content(state) }
    const [winner, loser] = isGreater(candidate, other) ? [candidate, other] : [other, candidate]
    this.#taken.set(state.station_id, winner)
    this.refused.push({
      reason: 'station_duplicate',
      station_id: state.station_id,
      message: `station is in the answer more than once, the greatest by content is kept, got ${state.station_id}`,
      raw: loser.raw,
    })
  }

  /** States in the order in which their stations were first named. */
  states(): StationState[] {
    return Array.from(this.#taken.values(), ({ state }) => state)
  }
}

function isGreater(a: Taken, b: Taken): boolean {
  const left = a.state.last_reported ?? -1
  const right = b.state.last_reported ?? -1
  return left === right ? a.content > b.content : left > right
}

function content(state: StationState): string {
  return Object.values(state).join('|')
}
