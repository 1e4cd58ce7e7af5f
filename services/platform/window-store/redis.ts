import type { Logger } from 'pino'
import { RING_BYTES } from '../../domain/ring.ts'
import { RING_SLOTS, SLOT_BYTES } from '../../domain/window.ts'
import { VelocastError } from '../errors.ts'
import { openRedisConnection } from '../redis-connection.ts'
import { staleOwner } from './memory.ts'
import type { WindowStore } from './port.ts'

/** Stations of one call of the script. A thousand take about 2 ms, so no other client waits longer than about 20 ms. */
const STATIONS_A_WRITE = 10_000
/** Stations of one MGET: about 0.9 MB an answer, so that replies are read while the next are sent. */
const STATIONS_A_READ = 250
/** Stations of one restore: about 1.8 MB a request. */
const STATIONS_A_RESTORE = 500

/**
 * Checks the owner, then moves its newest bin and counts the write. `lost` is 1 when the count is not the owner's: Redis
 * has forgotten writes of it, as one does that was promoted or that came back with an older snapshot. Answers
 * {0, epoch, newest} when the owner is refused.
 */
const OWNER = `
local epoch = tonumber(redis.call('GET', KEYS[1])) or 0
local newest = tonumber(redis.call('GET', KEYS[2])) or 0
local mine, bin, ttl = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
if epoch > mine or (epoch == mine and newest > bin) then return {0, epoch, newest} end
if epoch < mine then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ttl)
local listed = redis.call('PEXPIRE', KEYS[3], ttl) == 1
local writes = redis.call('INCR', KEYS[4])
redis.call('PEXPIRE', KEYS[4], ttl)
local lost = 0
if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= writes - 1 then lost = 1 end
`

/**
 * KEYS: epoch, newest bin, stations, writes, then one window a slot. ARGV: epoch, newest bin, TTL, writes as the owner
 * knows them (empty where it does not), all slots, a byte of place each. Writes nothing when writes are lost, or the stations.
 */
const WRITE = `${OWNER}
if lost == 1 or not listed then return {1, {}, writes, 1} end
local call, sub, byte, keys, slots, places = redis.call, string.sub, string.byte, KEYS, ARGV[5], ARGV[6]
local offsets, missing = {}, {}
for i = 0, ${RING_SLOTS - 1} do offsets[i] = tostring(i * ${SLOT_BYTES}) end
for i = 5, #keys do
  local key = keys[i]
  if call('PEXPIRE', key, ttl) == 0 then
    missing[#missing + 1] = i - 4
  else
    local from = (i - 5) * ${SLOT_BYTES}
    call('SETRANGE', key, offsets[byte(places, i - 4)], sub(slots, from + 1, from + ${SLOT_BYTES}))
  end
end
return {1, missing, writes, 0}`

/** KEYS as WRITE's. ARGV: epoch, newest bin, TTL, writes, then station id and value of each. */
const RESTORE = `${OWNER}
for i = 5, #KEYS do
  redis.call('SET', KEYS[i], ARGV[2 * i - 4], 'PX', ttl)
  redis.call('SADD', KEYS[3], ARGV[2 * i - 5])
end
redis.call('PEXPIRE', KEYS[3], ttl)
return {1, {}, writes, lost}`

/** A new owner starts with no newest bin of its own: it may have read the log again from further back. */
const CLAIM = `redis.call('DEL', KEYS[2]) return redis.call('INCR', KEYS[1])`

type Answer = [ok: 1, missing: number[], writes: number, lost: 0 | 1] | [ok: 0, epoch: number, newest: number]

/**
 * Windows in Redis. Keys: `velocast:{<system>}:window:<station>` (the packed value), `…:window-stations` (set of ids),
 * `…:window-newest` (the owner's newest bin), `…:window-writes` (their number), all with a time to live, and
 * `…:window-epoch` without.
 * Holds no windows in memory; a write keeps one request of its slots.
 */
export function openRedisWindowStore({
  url,
  ttlMs,
  logger,
}: {
  /** `redis://` or `rediss://`. */
  url: string
  /** How long a window outlives its last write. */
  ttlMs: number
  logger: Logger
}): WindowStore {
  const redis = openRedisConnection({
    url,
    code: 'window_store_unreachable',
    subject: 'window store',
    logger,
  })
  const ttl = String(Math.round(ttlMs))
  const keysOf = (system: string): string[] => [
    `velocast:{${system}}:window-epoch`,
    `velocast:{${system}}:window-newest`,
    `velocast:{${system}}:window-stations`,
    `velocast:{${system}}:window-writes`,
  ]
  const keyOf = (system: string, stationId: string): string => `velocast:{${system}}:window:${stationId}`

  /** Writes of each system so far, as Redis said; absent where an answer is missing. */
  const counted = new Map<string, number>()

  const run = async (
    script: string,
    owner: { system: string; epoch: number; newestBin: number },
    keys: string[],
    values: (string | Buffer)[],
  ): Promise<{ missing: number[]; lost: boolean }> => {
    const { system, epoch, newestBin } = owner
    const known = counted.get(system)
    counted.delete(system)
    const answer = (await redis.script(
      script,
      [...keysOf(system), ...keys],
      [String(epoch), String(newestBin), ttl, known === undefined ? '' : String(known), ...values],
    )) as Answer
    if (answer[0] === 0) throw staleOwner(owner, { epoch: answer[1], newestBin: answer[2] ?? 0 })
    const [, missing, writes, lost] = answer
    counted.set(system, writes)
    return { missing, lost: lost === 1 }
  }

  const read = async (system: string, stationIds: string[]): Promise<(Buffer | null)[]> => {
    const chunks = pieces(stationIds, STATIONS_A_READ).map((ids) =>
      redis.command((connection) => connection.mgetBuffer(ids.map((id) => keyOf(system, id)))),
    )
    return (await Promise.all(chunks)).flat()
  }

  return {
    async claim(system) {
      counted.delete(system)
      return (await redis.script(CLAIM, keysOf(system), [])) as number
    },
    async load(system) {
      const stationIds = await redis.command((connection) => connection.smembers(keysOf(system)[2]!))
      const values = await read(system, stationIds)
      const loaded = new Map<string, Buffer>()
      stationIds.forEach((stationId, place) => {
        const value = values[place]
        if (value != null && value.length >= RING_BYTES) loaded.set(stationId, value)
      })
      return loaded
    },
    async write({ writes, ...owner }) {
      const { stationIds, indexes, slots } = writes
      const missing = new Set<string>()
      let from = 0
      // Without slots too: the owner is checked.
      do {
        const until = Math.min(from + STATIONS_A_WRITE, stationIds.length)
        const ids = stationIds.slice(from, until)
        const { missing: places, lost } = await run(
          WRITE,
          owner,
          ids.map((id) => keyOf(owner.system, id)),
          [slots.subarray(from * SLOT_BYTES, until * SLOT_BYTES), Buffer.from(indexes.subarray(from, until))],
        )
        if (lost) return { missing: [...new Set(stationIds)] }
        for (const place of places) missing.add(ids[place - 1]!)
        from = until
      } while (from < stationIds.length)
      return { missing: [...missing] }
    },
    async restore({ rings, ...owner }) {
      for (const chunk of pieces([...rings], STATIONS_A_RESTORE)) {
        const { lost } = await run(
          RESTORE,
          owner,
          chunk.map(([stationId]) => keyOf(owner.system, stationId)),
          chunk.flat(),
        )
        if (lost) throw forgetful(owner.system)
      }
    },
    read,
    async close() {
      redis.close()
    },
  }
}

/** The caller's next write is whole, as after any that failed. */
function forgetful(system: string): VelocastError {
  return new VelocastError({
    code: 'window_store_unreachable',
    retryable: true,
    message: `window store has lost writes, as after a failover, windows are written whole: ${system}`,
  })
}

function pieces<Item>(items: Item[], size: number): Item[][] {
  const chunks: Item[][] = []
  for (let from = 0; from < items.length; from += size) chunks.push(items.slice(from, from + size))
  return chunks
}
