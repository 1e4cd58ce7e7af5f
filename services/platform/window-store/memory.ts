import { SLOT_BYTES } from '../../domain/window.ts'
import { VelocastError } from '../errors.ts'
import type { WindowStore } from './port.ts'

interface SystemState {
  epoch: number
  newestBin: number
  values: Map<string, Buffer>
}

/**
 * Windows in this process, for one process that runs every service. About 3.6 kB a station, kept until the process
 * ends; the windows service fills it again from the log at start. A city's stations that went away are kept too.
 */
export function openMemoryWindowStore(): WindowStore & { clear(): void } {
  const systems = new Map<string, SystemState>()

  const stateOf = (system: string): SystemState => {
    const state = systems.get(system) ?? { epoch: 0, newestBin: 0, values: new Map() }
    systems.set(system, state)
    return state
  }

  const owned = (options: { system: string; epoch: number; newestBin: number }): SystemState => {
    const state = stateOf(options.system)
    if (
      state.epoch > options.epoch ||
      (state.epoch === options.epoch && state.newestBin > options.newestBin)
    ) {
      throw staleOwner(options, state)
    }
    state.epoch = options.epoch
    state.newestBin = options.newestBin
    return state
  }

  return {
    async claim(system) {
      const state = stateOf(system)
      state.epoch += 1
      state.newestBin = 0
      return state.epoch
    },
    async load(system) {
      const values = systems.get(system)?.values ?? new Map<string, Buffer>()
      return new Map([...values].map(([stationId, value]) => [stationId, Buffer.from(value)]))
    },
    async write(options) {
      const { values } = owned(options)
      const missing = new Set<string>()
      const { stationIds, indexes, slots } = options.writes
      stationIds.forEach((stationId, place) => {
        const value = values.get(stationId)
        if (value === undefined) missing.add(stationId)
        else slots.copy(value, indexes[place]! * SLOT_BYTES, place * SLOT_BYTES, (place + 1) * SLOT_BYTES)
      })
      return { missing: [...missing] }
    },
    async restore(options) {
      const { values } = owned(options)
      for (const [stationId, ring] of options.rings) values.set(stationId, Buffer.from(ring))
    },
    async read(system, stationIds) {
      const values = systems.get(system)?.values
      return stationIds.map((stationId) => {
        const value = values?.get(stationId)
        return value === undefined ? null : Buffer.from(value)
      })
    },
    async close() {},
    /** Empties it, as an emptied Redis is. */
    clear() {
      systems.clear()
    },
  }
}

/** What both adapters throw at an owner that is none any more. */
export function staleOwner(
  { system, epoch, newestBin }: { system: string; epoch: number; newestBin: number },
  stored: { epoch: number; newestBin: number },
): VelocastError {
  return new VelocastError({
    code: 'window_stale_epoch',
    message:
      stored.epoch > epoch
        ? `windows of ${system} belong to owner ${stored.epoch}: claim them again before writing as owner ${epoch}`
        : `windows of ${system} already reach bin ${stored.newestBin}: claim and load them before writing bin ${newestBin}`,
    data: { system, epoch, newestBin, stored },
  })
}
