import type { Logger } from 'pino'
import { openRedisConnection } from '../redis-connection.ts'
import { type Fields, lookUpTexts, readLookUp, readSystem, systemFields } from './fields.ts'
import type { LookUp, LookUpStore, SystemLookUp } from './port.ts'

/** Stations of one script call, and of one pipeline of reads: no other client waits longer than some 15 ms for it. */
const STATIONS_A_CALL = 500

/** Refuses (0) what is older than the newest publish begun, so that a slow writer never mixes with a newer one. */
const NEWNESS = `
local seen = redis.call('HMGET', KEYS[1], 'tbin', 'fetched')
local bin, fetched, ttl = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local seen_bin, seen_fetched = tonumber(seen[1] or '0'), tonumber(seen[2] or '0')
if seen_bin > bin or (seen_bin == bin and seen_fetched > fetched) then return 0 end
`

/**
 * KEYS: newest, stations, then a hash a row. ARGV: bin, fetch time, TTL in seconds; as JSON the field names of each shape
 * and all rows' station ids; then of each row its shape, and the JSON of its values in the order of the shape's names.
 */
const ROWS = `${NEWNESS}
local call, keys, null = redis.call, KEYS, cjson.null
call('HSET', keys[1], 'tbin', ARGV[1], 'fetched', ARGV[2])
call('EXPIRE', keys[1], ttl)
local shapes, fields = cjson.decode(ARGV[4]), {}
for i = 3, #keys do
  local names, values, n = shapes[tonumber(ARGV[2 * i])], cjson.decode(ARGV[2 * i + 1]), 0
  for place = 1, #names do
    local value = values[place]
    if value ~= null then
      fields[n + 1], fields[n + 2] = names[place], value
      n = n + 2
    end
  end
  call('DEL', keys[i])
  call('HSET', keys[i], unpack(fields, 1, n))
  call('EXPIRE', keys[i], ttl)
end
if #keys > 2 then call('SADD', keys[2], unpack(cjson.decode(ARGV[5]))) end
call('EXPIRE', keys[2], ttl)
return 1`

/** KEYS: newest, sequence, meta. ARGV: bin, fetch time, TTL, the JSON of meta's fields. Gives the sequence. */
const META = `${NEWNESS}
local sequence = redis.call('INCR', KEYS[2])
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[3], 'sequence', sequence, unpack(cjson.decode(ARGV[4])))
redis.call('EXPIRE', KEYS[3], ttl)
return sequence`

const SYSTEMS = 'velocast:systems'

/**
 * Look-ups in Redis: a hash a station that any client reads with HGETALL. Keys: `velocast:{<system>}:forecast:<station>`,
 * `…:meta`, `…:forecast-stations` (set), `…:forecast-newest`, all with the time to live; `…:forecast-sequence` and the
 * set `velocast:systems` without. Rows of a publish appear in steps of 500, `meta` and its sequence last.
 */
export function openRedisLookUpStore({ url, logger }: { url: string; logger: Logger }): LookUpStore {
  const redis = openRedisConnection({
    url,
    code: 'look_up_store_unreachable',
    subject: 'look-up store',
    logger,
  })
  const keyOf = (system: string, end: string): string => `velocast:{${system}}:${end}`

  const system = async (id: string): Promise<SystemLookUp | null> =>
    readSystem(await redis.command((connection) => connection.hgetall(keyOf(id, 'meta'))))

  const rows = (id: string, stationIds: string[]): Promise<LookUp[]> =>
    redis.command(async (connection) => {
      const pipeline = connection.pipeline()
      for (const stationId of stationIds) pipeline.hgetall(keyOf(id, `forecast:${stationId}`))
      const answers = (await pipeline.exec()) ?? []
      return answers.flatMap(([error, fields]) => {
        if (error !== null) throw error
        return readLookUp(fields as Fields) ?? []
      })
    })

  return {
    async publish({ system: published, rows: all, ttlSeconds }) {
      const { system: id, tbin_utc, fetched_utc, source } = published
      const newness = [String(tbin_utc), String(fetched_utc), String(ttlSeconds)]
      const newest = keyOf(id, 'forecast-newest')
      // Sent one after the other without waiting: the next are written here while Redis has the first.
      const calls: Promise<unknown>[] = []
      for (let from = 0; from === 0 || from < all.length; from += STATIONS_A_CALL) {
        const chunk = all.slice(from, from + STATIONS_A_CALL)
        const { names, rows: texts } = lookUpTexts(chunk, source)
        const ids = chunk.map(({ station_id }) => station_id)
        calls.push(
          redis.script(
            ROWS,
            [
              newest,
              keyOf(id, 'forecast-stations'),
              ...ids.map((station) => keyOf(id, `forecast:${station}`)),
            ],
            [
              ...newness,
              JSON.stringify(names),
              JSON.stringify(ids),
              ...texts.flatMap(({ shape, values }) => [String(shape + 1), JSON.stringify(values)]),
            ],
          ),
        )
      }
      if ((await Promise.all(calls)).includes(0)) return false
      const keys = [newest, keyOf(id, 'forecast-sequence'), keyOf(id, 'meta')]
      const sequence = await redis.script(META, keys, [...newness, flat(systemFields(published))])
      if (sequence === 0) return false
      await redis.command((connection) => connection.sadd(SYSTEMS, id))
      return true
    },
    async systems() {
      const ids = await redis.command((connection) => connection.smembers(SYSTEMS))
      const found = await Promise.all(ids.sort().map(system))
      return found.filter((entry) => entry !== null)
    },
    system,
    async station(id, stationId) {
      return (await rows(id, [stationId]))[0] ?? null
    },
    async stations(id) {
      const stationIds = await redis.command((connection) =>
        connection.smembers(keyOf(id, 'forecast-stations')),
      )
      stationIds.sort()
      const found: LookUp[] = []
      for (let from = 0; from < stationIds.length; from += STATIONS_A_CALL) {
        found.push(...(await rows(id, stationIds.slice(from, from + STATIONS_A_CALL))))
      }
      return found
    },
    async close() {
      redis.close()
    },
  }
}

/** Field, value, field, value, …: what HSET takes. */
function flat(fields: Fields): string {
  const list: string[] = []
  for (const field in fields) list.push(field, fields[field]!)
  return JSON.stringify(list)
}
