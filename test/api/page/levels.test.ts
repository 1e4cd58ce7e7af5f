import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  fillColour,
  fillLevel,
  fillShare,
  LEVEL_WORDS,
  mixColours,
  PALETTES,
  type Theme,
} from '../../../services/api/page/levels.ts'
import { LEVELS, type Level } from '../../../services/domain/levels.ts'

const usual = { capacity: 20, inService: true }

test.each([
  [{ ...usual, bikes: 0, docks: 20 }, 'empty'],
  [{ ...usual, bikes: 2, docks: 18 }, 'low'],
  [{ ...usual, bikes: 10, docks: 10 }, 'normal'],
  [{ ...usual, bikes: 18, docks: 2 }, 'nearly_full'],
  [{ ...usual, bikes: 20, docks: 0 }, 'full'],
  [{ ...usual, bikes: 25, docks: null }, 'full'],
  [{ ...usual, bikes: null, docks: 4 }, 'unknown'],
  [{ ...usual, bikes: 10, docks: 10, inService: false }, 'closed'],
])('%o is %s, as everywhere else', (fill, level) => {
  expect(fillLevel(fill)).toBe(level)
  if (level !== 'normal') expect(fillColour({ fill, theme: 'light' })).toBe(PALETTES.light[level as Level])
})

test('a normal station leans towards what it will run short of, and never reaches its colour', () => {
  const colourAt = (bikes: number) =>
    fillColour({ fill: { bikes, docks: 100 - bikes, capacity: 100, inService: true }, theme: 'light' })
  expect(colourAt(50)).toBe(PALETTES.light.normal)
  const colours = Array.from({ length: 95 }, (_, index) => colourAt(index + 3))
  expect(new Set(colours).size).toBe(5)
  expect(colours).not.toContain(PALETTES.light.low)
  expect(colours).not.toContain(PALETTES.light.nearly_full)
  const warmth = colours.map(
    (colour) => Number.parseInt(colour.slice(1, 3), 16) - Number.parseInt(colour.slice(5), 16),
  )
  expect(warmth).toEqual(warmth.toSorted((a, b) => b - a))
})

test('mixing starts at one colour and ends at the other', () => {
  const [from, to] = ['#102030', '#a0b0c0']
  expect([0, 0.5, 1].map((part) => mixColours({ from, to, part }))).toEqual(['#102030', '#586878', '#a0b0c0'])
})

test('a share is between 0 and 1, or not known', () => {
  const known = fc.option(fc.integer({ min: 0, max: 99 }))
  fc.assert(
    fc.property(known, known, known, (bikes, docks, capacity) => {
      const share = fillShare({ bikes, docks, capacity })
      expect(share === null || (share >= 0 && share <= 1)).toBe(true)
    }),
  )
})

type Colour = [number, number, number]

/** Linear light of an sRGB colour. */
function linear(hex: string): Colour {
  const part = (from: number): number => {
    const value = Number.parseInt(hex.slice(from, from + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  return [part(1), part(3), part(5)]
}

/** As seen without one kind of cone (Viénot, Brettel, Mollon 1999: protan, deutan), or with all. */
const SIGHTS: Record<string, Colour[]> = {
  full: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.11238, 0.88762, 0],
    [0.11238, 0.88762, 0],
    [0.00401, -0.00401, 1],
  ],
  deutan: [
    [0.29275, 0.70725, 0],
    [0.29275, 0.70725, 0],
    [-0.02234, 0.02234, 1],
  ],
}

/** CIE 1976 L*a*b* of linear sRGB, white D65. */
function lab([red, green, blue]: Colour): Colour {
  const curve = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116)
  const x = curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047)
  const y = curve(0.2126 * red + 0.7152 * green + 0.0722 * blue)
  const z = curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883)
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

function seen(hex: string, sight: Colour[]): Colour {
  const light = linear(hex)
  return lab(
    sight.map((row) => row.reduce((sum, weight, index) => sum + weight * (light[index] ?? 0), 0)) as Colour,
  )
}

test.each(['light', 'dark'] as Theme[])(
  'on %s, every two levels can be told apart with and without red and green cones',
  (theme) => {
    const coloured = (['empty', 'low', 'normal', 'nearly_full', 'full'] as const).map(
      (level) => PALETTES[theme][level],
    )
    for (const [name, sight] of Object.entries(SIGHTS)) {
      for (const [index, first] of coloured.entries()) {
        for (const second of coloured.slice(index + 1)) {
          const [a, b] = [seen(first, sight), seen(second, sight)]
          const difference = Math.hypot(...a.map((value, part) => value - (b[part] ?? 0)))
          expect(difference, `${name}: ${first} and ${second}`).toBeGreaterThan(15)
        }
      }
    }
  },
)

test('every level has its words', () => {
  expect(Object.keys(LEVEL_WORDS).sort()).toEqual([...LEVELS].sort())
})
