import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  fitView,
  isPlace,
  pan,
  project,
  scaleBar,
  stationRadius,
  unproject,
  type View,
  zoomAt,
} from '../../../services/api/page/projection.ts'

const size = { width: 800, height: 600 }
const place = fc.record({
  lat: fc.double({ min: -70, max: 70, noNaN: true }),
  lon: fc.double({ min: -179, max: 179, noNaN: true }),
})
const point = fc.record({
  x: fc.double({ min: 0, max: 800, noNaN: true }),
  y: fc.double({ min: 0, max: 600, noNaN: true }),
})
const view = fc.record({
  centre: place,
  parallel: fc.integer({ min: -70, max: 70 }),
  pixelsPerMetre: fc.double({ min: 0.001, max: 1, noNaN: true }),
})

test('unproject takes back what project did', () => {
  fc.assert(
    fc.property(view, point, (shown: View, at) => {
      const back = project({ place: unproject({ point: at, view: shown, size }), view: shown, size })
      expect(back.x).toBeCloseTo(at.x, 4)
      expect(back.y).toBeCloseTo(at.y, 4)
    }),
  )
})

test('zooming keeps the place under the pointer where it is', () => {
  fc.assert(
    fc.property(view, point, fc.double({ min: 0.2, max: 5, noNaN: true }), (shown, at, factor) => {
      const under = unproject({ point: at, view: shown, size })
      const zoomed = zoomAt({ view: shown, size, point: at, factor })
      fc.pre(Math.abs(zoomed.centre.lat) < 89)
      const after = project({ place: under, view: zoomed, size })
      expect(after.x).toBeCloseTo(at.x, 3)
      expect(after.y).toBeCloseTo(at.y, 3)
    }),
  )
})

test('panning moves what is shown by as many pixels', () => {
  fc.assert(
    fc.property(view, point, (shown, by) => {
      const moved = pan({ view: shown, size, by })
      fc.pre(Math.abs(moved.centre.lat) < 89)
      const at = project({ place: shown.centre, view: moved, size })
      expect(at.x).toBeCloseTo(400 + by.x, 3)
      expect(at.y).toBeCloseTo(300 + by.y, 3)
    }),
  )
})

test('a fitted view holds every place of a city', () => {
  const near = fc.record({
    lat: fc.double({ min: 48.8, max: 48.9, noNaN: true }),
    lon: fc.double({ min: 2.2, max: 2.5, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(near, { minLength: 1, maxLength: 150 }), (places) => {
      const shown = fitView({ places, size })
      for (const each of places) {
        const { x, y } = project({ place: each, view: shown, size })
        expect(x).toBeGreaterThanOrEqual(0)
        expect(x).toBeLessThanOrEqual(size.width)
        expect(y).toBeGreaterThanOrEqual(0)
        expect(y).toBeLessThanOrEqual(size.height)
      }
    }),
  )
})

test('one depot in another town does not shrink a city of hundreds to a dot', () => {
  const places = Array.from({ length: 400 }, (_, index) => ({
    lat: 48.8 + index / 4000,
    lon: 2.3 + index / 4000,
  }))
  const alone = fitView({ places, size })
  const withDepot = fitView({ places: [...places, { lat: 43.3, lon: 5.4 }], size })
  expect(withDepot.pixelsPerMetre).toBeGreaterThan(alone.pixelsPerMetre * 0.9)
})

test('no places, one place and a map without size give a view that can be drawn', () => {
  for (const places of [[], [{ lat: 1, lon: 2 }]]) {
    for (const on of [size, { width: 0, height: 0 }]) {
      const { pixelsPerMetre } = fitView({ places, size: on })
      expect(pixelsPerMetre).toBeGreaterThan(0)
      expect(Number.isFinite(pixelsPerMetre)).toBe(true)
    }
  }
})

test('a station at 0, 0 or beyond the poles has no place', () => {
  expect([isPlace(0, 0), isPlace(null, 2), isPlace(91, 2), isPlace(Number.NaN, 2)]).toEqual([
    false,
    false,
    false,
    false,
  ])
  expect([isPlace(0, 9.45), isPlace(48.85, 0)]).toEqual([true, true])
})

test('the scale bar is round and fits', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.0001, max: 2, noNaN: true }), (pixelsPerMetre) => {
      const { metres, pixels } = scaleBar({ pixelsPerMetre, pixels: 120 })
      expect(pixels).toBeLessThanOrEqual(120.000001)
      expect(pixels).toBeGreaterThan(120 / 2.6)
      expect(String(metres)).toMatch(/^[125]0*$|^0\.[0-9]*[125]$/)
    }),
  )
})

test('a larger station is never drawn smaller', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 50 }), (capacity, more) => {
      const radius = (value: number) => stationRadius({ capacity: value, typicalCapacity: 20, spacing: 30 })
      expect(radius(capacity + more)).toBeGreaterThanOrEqual(radius(capacity))
    }),
  )
})
