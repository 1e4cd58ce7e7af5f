import { z } from 'zod'
import { DAY_SLOTS } from './moment.ts'
import { NEIGHBOURS, type Neighbourhood } from './neighbours.ts'
import type { Profile } from './profile.ts'
import type { StationPlace } from './station-place.ts'

/** What a pack froze of the stations that it was trained on, in the order of its station table. */
export interface PackEncoders {
  places: readonly StationPlace[]
  neighbourhood: Neighbourhood
  profile: Profile
}

const MAGIC = 'VCENC001'
const PREFIX_BYTES = MAGIC.length + 4
/** Where the numbers begin: aligned for every array. */
const ALIGNMENT = 8

const headerSchema = z.object({
  stations: z.array(
    z.tuple([z.string(), z.number().nullable(), z.number().nullable(), z.number().nullable()]),
  ),
})

/** Values a station, in the order of the file; all of 4 bytes. */
const ARRAYS = [
  ['nearest', NEIGHBOURS],
  ['meanKm', 1],
  ['centreKm', 1],
  ['areaChange', 2 * DAY_SLOTS],
  ['stationChange', 2 * DAY_SLOTS],
  ['stationMoves', 2 * DAY_SLOTS],
  ['stationLevel', 2 * DAY_SLOTS],
  ['weekChange', 7 * DAY_SLOTS],
] as const

/**
 * Encoders as bytes, little-endian: the magic, the header's length (32 bits), the header (JSON: id, lat, lon, capacity of
 * every station), spaces up to a multiple of 8, then the arrays: 2.9 kB a station. The same encoders give the same bytes.
 */
export function encodeEncoders({ places, neighbourhood, profile }: PackEncoders): Buffer {
  const stations = places.map(({ id, lat, lon, capacity }) => [id, lat, lon, capacity])
  const header = Buffer.from(JSON.stringify({ stations }))
  const first = aligned(PREFIX_BYTES + header.length)
  const arrays: Record<string, Int32Array | Float32Array> = { ...neighbourhood, ...profile }
  const size = ARRAYS.reduce((sum, [, values]) => sum + 4 * values * places.length, first)
  const bytes = Buffer.alloc(size, ' ')
  bytes.write(MAGIC, 0, 'latin1')
  bytes.writeUInt32LE(header.length, MAGIC.length)
  header.copy(bytes, PREFIX_BYTES)
  let at = first
  for (const [name, values] of ARRAYS) {
    const array = arrays[name]!
    if (array.length !== values * places.length) {
      throw new RangeError(`${name} must have ${values * places.length} values, got ${array.length}`)
    }
    Buffer.from(array.buffer, array.byteOffset, array.byteLength).copy(bytes, at)
    at += array.byteLength
  }
  return bytes
}

/** Throws RangeError for bytes that are no encoders: of another format, cut off, or with a neighbour that is not there. */
export function decodeEncoders(bytes: Buffer): PackEncoders {
  const magic = bytes.toString('latin1', 0, MAGIC.length)
  if (magic !== MAGIC || bytes.length < PREFIX_BYTES) {
    throw new RangeError(`encoders must begin with ${MAGIC}, got ${magic}`)
  }
  const length = bytes.readUInt32LE(MAGIC.length)
  const header = headerSchema.safeParse(jsonOf(bytes.toString('utf8', PREFIX_BYTES, PREFIX_BYTES + length)))
  if (!header.success) throw new RangeError('encoders must have a header of stations')
  const places = header.data.stations.map(([id, lat, lon, capacity]) => ({ id, lat, lon, capacity }))
  const first = aligned(PREFIX_BYTES + length)
  const size = ARRAYS.reduce((sum, [, values]) => sum + 4 * values * places.length, first)
  if (bytes.length !== size) throw new RangeError(`encoders must have ${size} bytes, got ${bytes.length}`)
  // A copy of its own: aligned, and the file's bytes may go.
  const numbers = Uint8Array.from(bytes.subarray(first)).buffer
  let at = 0
  const take = (place: number): number => {
    const from = at
    at += 4 * ARRAYS[place]![1] * places.length
    return from
  }
  const floats = (place: number): Float32Array =>
    new Float32Array(numbers, take(place), ARRAYS[place]![1] * places.length)
  const nearest = new Int32Array(numbers, take(0), NEIGHBOURS * places.length)
  const wrong = nearest.find((other) => other < -1 || other >= places.length)
  if (wrong !== undefined) {
    throw new RangeError(`encoders' neighbours must be -1 or below ${places.length}, got ${wrong}`)
  }
  return {
    places,
    neighbourhood: { nearest, meanKm: floats(1), centreKm: floats(2) },
    profile: {
      areaChange: floats(3),
      stationChange: floats(4),
      stationMoves: floats(5),
      stationLevel: floats(6),
      weekChange: floats(7),
    },
  }
}

function aligned(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
