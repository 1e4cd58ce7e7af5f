/** Places, degrees. */
export interface Place {
  lat: number
  lon: number
}

/** Size of the map on screen, CSS pixels. */
export interface Size {
  width: number
  height: number
}

/** Screen position, CSS pixels from the top left. */
export interface Point {
  x: number
  y: number
}

/** What the map shows: the place at its middle, and how many pixels a metre takes. */
export interface View {
  centre: Place
  /** Latitude, degrees, at which both axes have the same scale. A city keeps it, so that moving never bends it. */
  parallel: number
  pixelsPerMetre: number
}

/** Metres of a degree of latitude on a sphere of the Earth's mean radius. */
const METRES_PER_DEGREE = 111_195
/** Closest look: a metre is two pixels. */
const MAX_PIXELS_PER_METRE = 2
/** Farthest look: 20 km a pixel. */
const MIN_PIXELS_PER_METRE = 1 / 20_000
const PADDING = 28

/** Equirectangular: true in scale on the view's parallel, and over a city within a fraction of a percent. */
export function project({ place, view, size }: { place: Place; view: View; size: Size }): Point {
  const { centre, parallel, pixelsPerMetre } = view
  const scale = METRES_PER_DEGREE * pixelsPerMetre
  return {
    x: size.width / 2 + (place.lon - centre.lon) * Math.cos(radians(parallel)) * scale,
    y: size.height / 2 - (place.lat - centre.lat) * scale,
  }
}

/** The place under a screen position: `project` backwards. */
export function unproject({ point, view, size }: { point: Point; view: View; size: Size }): Place {
  const { centre, parallel, pixelsPerMetre } = view
  const scale = METRES_PER_DEGREE * pixelsPerMetre
  return {
    lat: centre.lat - (point.y - size.height / 2) / scale,
    lon: centre.lon + (point.x - size.width / 2) / (scale * Math.cos(radians(parallel))),
  }
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180
}

/** True for a place that a station can be at: real feeds put stations that have none at 0, 0. */
export function isPlace(lat: number | null, lon: number | null): boolean {
  if (lat === null || lon === null) return false
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && (Math.abs(lat) > 0.01 || Math.abs(lon) > 0.01)
}

/**
 * The view that shows a city. A handful of places far from all others (at most 1 in 200 at each side) don't count:
 * a depot in another town would shrink the city to a dot.
 */
export function fitView({ places, size }: { places: Place[]; size: Size }): View {
  if (places.length === 0) {
    return { centre: { lat: 0, lon: 0 }, parallel: 0, pixelsPerMetre: MIN_PIXELS_PER_METRE }
  }
  const [south, north] = extent(places.map(({ lat }) => lat))
  const [west, east] = extent(places.map(({ lon }) => lon))
  const centre = { lat: (south + north) / 2, lon: (west + east) / 2 }
  const tall = Math.max((north - south) * METRES_PER_DEGREE, 500)
  const wide = Math.max((east - west) * METRES_PER_DEGREE * Math.cos(radians(centre.lat)), 500)
  const pixelsPerMetre = Math.min(
    Math.max(40, size.width - 2 * PADDING) / wide,
    Math.max(40, size.height - 2 * PADDING) / tall,
  )
  return { centre, parallel: centre.lat, pixelsPerMetre: bounded(pixelsPerMetre) }
}

function extent(values: number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b)
  const left = Math.floor(sorted.length / 200)
  return [sorted[left] ?? 0, sorted[sorted.length - 1 - left] ?? 0]
}

/** Zooms by `factor`; the place under `point` stays where it is. */
export function zoomAt({
  view,
  size,
  point,
  factor,
}: {
  view: View
  size: Size
  point: Point
  factor: number
}): View {
  const pixelsPerMetre = bounded(view.pixelsPerMetre * factor)
  const place = unproject({ point, view, size })
  const moved = project({ place, view: { ...view, pixelsPerMetre }, size })
  return pan({ view: { ...view, pixelsPerMetre }, size, by: { x: point.x - moved.x, y: point.y - moved.y } })
}

/** Moves what is shown by so many pixels. */
export function pan({ view, size, by }: { view: View; size: Size; by: Point }): View {
  const point = { x: size.width / 2 - by.x, y: size.height / 2 - by.y }
  const { lat, lon } = unproject({ point, view, size })
  return { ...view, centre: { lat: Math.min(89, Math.max(-89, lat)), lon } }
}

function bounded(pixelsPerMetre: number): number {
  return Math.min(MAX_PIXELS_PER_METRE, Math.max(MIN_PIXELS_PER_METRE, pixelsPerMetre))
}

/** The longest round length (1, 2 or 5 times a power of ten) that takes at most `pixels`: the map's scale. */
export function scaleBar({ pixelsPerMetre, pixels }: { pixelsPerMetre: number; pixels: number }): {
  metres: number
  pixels: number
} {
  const longest = pixels / pixelsPerMetre
  const power = 10 ** Math.floor(Math.log10(longest))
  const metres = ([5, 2, 1].find((step) => step * power <= longest) ?? 1) * power
  return { metres, pixels: metres * pixelsPerMetre }
}

/** Radius of a station, pixels: its area goes with its capacity, and grows slowly as one looks closer. */
export function stationRadius({
  capacity,
  typicalCapacity,
  spacing,
}: {
  capacity: number | null
  typicalCapacity: number
  /** Mean distance of neighbours on screen, pixels. */
  spacing: number
}): number {
  const base = Math.min(15, Math.max(2.6, spacing * 0.27))
  const relative = Math.sqrt((capacity ?? typicalCapacity) / Math.max(1, typicalCapacity))
  return base * Math.min(1.7, Math.max(0.65, relative))
}
