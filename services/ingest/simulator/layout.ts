import { Random } from './random.ts'

interface CityStation {
  station_id: string
  name: string
  /** Degrees, WGS 84. */
  lat: number
  lon: number
  capacity: number
  /** 0 homes, 1 work, 2 leisure, 3 hub: commuters ride from 0 and 3 to 1 in the morning. */
  quarter: number
  /** How often people come, relative to the city's mean of 1. */
  popularity: number
}

export interface CityLayout {
  stations: CityStation[]
  /** Kilometres east and north of the centre. */
  east: Float64Array
  north: Float64Array
  /** NEIGHBOURS nearest other stations of each, nearest first; as many as there are in a smaller city. */
  neighbours: Int32Array
  neighbourCount: number
}

const NEIGHBOURS = 6
/** Square kilometres a station serves: the mean spacing is about 300 m, as in Paris. */
const AREA_PER_STATION = 0.1
const STATIONS_PER_QUARTER = 60
/** Shares of residential, work, leisure and hub quarters, cumulated. */
const QUARTER_SHARES = [0.45, 0.72, 0.9, 1]
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5))

const STREETS =
  `Acacias,Abattoirs,Alouettes,Arsenal,Artisans,Bateliers,Belvedere,Bergers,Bouleaux,Brasseurs,Canal,
Carmes,Cascade,Cerisiers,Chardons,Chartreux,Colombier,Cordeliers,Couronne,Dentelles,Ecluse,Etoile,Fabriques,Falaise,
Fontaine,Forges,Fosses,Genets,Glacis,Grands Pres,Halles,Hirondelles,Horloge,Imprimeurs,Jardins,Lavoir,Lilas,Maraichers,
Marniere,Merisiers,Meuniers,Moulins,Mouettes,Murier,Noyers,Orangerie,Ormes,Palissades,Passerelle,Pecheurs,Peupliers,
Platanes,Pont Vert,Potiers,Prairie,Ramparts,Rosiers,Sablons,Saules,Source,Tanneurs,Tilleuls,Tisserands,Tonneliers,
Tournelle,Trois Puits,Vannerie,Verger,Vieux Port,Vignes`
    .split(',')
    .map((name) => name.trim())
const PLACES =
  `Arsenal,Bibliotheque,Campus,Cathedrale,Ecole,Gare Est,Gare Nord,Hopital,Lycee,Mairie,Marche,Musee,Opera,
Palais,Parc,Port,Poste,Stade,Theatre,Universite`
    .split(',')
    .map((name) => name.trim())

/**
 * Positions, capacities, names and quarters of a city: a function of the seed and the count alone. Stations are spread
 * evenly on a disc whose area grows with their number (Vogel's spiral, jittered); quarters are contiguous.
 */
export function layoutCity({
  seed,
  count,
  centre,
}: {
  seed: number
  count: number
  centre: { lat: number; lon: number }
}): CityLayout {
  const random = new Random(seed, 1)
  const radius = Math.sqrt((count * AREA_PER_STATION) / Math.PI)
  const east = new Float64Array(count)
  const north = new Float64Array(count)
  for (let index = 0; index < count; index++) {
    const distance = radius * Math.sqrt((index + 0.5) / count) + 0.06 * random.normal()
    const angle = index * GOLDEN_ANGLE
    east[index] = distance * Math.cos(angle) + 0.06 * random.normal()
    north[index] = distance * Math.sin(angle) + 0.06 * random.normal()
  }
  const seats = quarterSeats({ random, radius, count })
  const names = new Map<string, number>()
  const kmPerLon = 111.32 * Math.cos((centre.lat * Math.PI) / 180)
  const stations: CityStation[] = []
  let popularitySum = 0
  for (let index = 0; index < count; index++) {
    const own = random.uniform() < 0.8 ? nearestSeat(seats, east[index]!, north[index]!) : drawQuarter(random)
    const popularity = Math.exp(0.75 * random.normal())
    popularitySum += popularity
    const capacity = Math.round(
      Math.min(70, Math.max(12, 30 + 9 * random.normal() + 4 * Math.log(popularity))),
    )
    const base = `${STREETS[random.below(STREETS.length)]} - ${PLACES[random.below(PLACES.length)]}`
    const seen = (names.get(base) ?? 0) + 1
    names.set(base, seen)
    stations.push({
      station_id: String(10_001 + index),
      name: seen === 1 ? base : `${base} ${seen}`,
      lat: round6(centre.lat + north[index]! / 110.57),
      lon: round6(centre.lon + east[index]! / kmPerLon),
      capacity,
      quarter: own,
      popularity,
    })
  }
  for (const station of stations) station.popularity *= count / popularitySum
  return { stations, east, north, ...nearest({ east, north, radius }) }
}

interface Seat {
  east: number
  north: number
  quarter: number
}

function quarterSeats({ random, radius, count }: { random: Random; radius: number; count: number }): Seat[] {
  const seats = Math.max(8, Math.min(400, Math.round(count / STATIONS_PER_QUARTER)))
  return Array.from({ length: seats }, (_, index) => {
    const distance = radius * Math.sqrt((index + 0.5) / seats)
    const angle = index * GOLDEN_ANGLE + random.uniform()
    return {
      east: distance * Math.cos(angle),
      north: distance * Math.sin(angle),
      quarter: drawQuarter(random),
    }
  })
}

function drawQuarter(random: Random): number {
  const value = random.uniform()
  return QUARTER_SHARES.findIndex((share) => value < share)
}

function nearestSeat(seats: Seat[], east: number, north: number): number {
  let best = 0
  let bestDistance = Number.POSITIVE_INFINITY
  for (const seat of seats) {
    const distance = (seat.east - east) ** 2 + (seat.north - north) ** 2
    if (distance < bestDistance) {
      bestDistance = distance
      best = seat.quarter
    }
  }
  return best
}

/** Nearest others by a grid of square cells, widened ring by ring until enough candidates are there. */
function nearest({
  east,
  north,
  radius,
}: {
  east: Float64Array
  north: Float64Array
  radius: number
}): Pick<CityLayout, 'neighbours' | 'neighbourCount'> {
  const count = east.length
  const neighbourCount = Math.min(NEIGHBOURS, count - 1)
  const neighbours = new Int32Array(count * neighbourCount)
  const cellSize = 0.6
  const side = Math.ceil((2 * radius + 2) / cellSize) + 1
  const cells = new Map<number, number[]>()
  const cellOf = (value: number): number => Math.floor((value + radius + 1) / cellSize)
  for (let index = 0; index < count; index++) {
    const key = cellOf(north[index]!) * side + cellOf(east[index]!)
    const cell = cells.get(key)
    if (cell === undefined) cells.set(key, [index])
    else cell.push(index)
  }
  for (let index = 0; index < count; index++) {
    const row = cellOf(north[index]!)
    const column = cellOf(east[index]!)
    let found: number[] = []
    for (let reach = 1; found.length < neighbourCount && reach <= side; reach++) {
      found = []
      for (let y = row - reach; y <= row + reach; y++) {
        for (let x = column - reach; x <= column + reach; x++) {
          for (const other of cells.get(y * side + x) ?? []) if (other !== index) found.push(other)
        }
      }
    }
    const distance = (other: number): number =>
      (east[other]! - east[index]!) ** 2 + (north[other]! - north[index]!) ** 2
    found.sort((a, b) => distance(a) - distance(b) || a - b)
    for (let rank = 0; rank < neighbourCount; rank++) neighbours[index * neighbourCount + rank] = found[rank]!
  }
  return { neighbours, neighbourCount }
}

function round6(value: number): number {
  return Math.round(value * 1e6) / 1e6
}
