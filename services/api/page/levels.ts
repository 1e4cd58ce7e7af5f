import { freeDocks, type Level, levelOf } from '../../domain/levels.ts'

/** Words of the legend. */
export const LEVEL_WORDS: Record<Level, string> = {
  empty: 'empty',
  low: '1 or 2 bikes',
  normal: 'bikes and docks',
  nearly_full: '1 or 2 docks',
  full: 'full',
  closed: 'not in service',
  unknown: 'not known',
}

/** What a level is told from: bikes and docks are those of the shown time, now or a horizon. */
export interface Fill {
  bikes: number | null
  docks: number | null
  capacity: number | null
  inService: boolean
}

/** Share of bikes among bikes and free docks, 0..1; null when it can't be told. */
export function fillShare({ bikes, docks, capacity }: Omit<Fill, 'inService'>): number | null {
  const free = freeDocks({ bikes, docks, capacity })
  if (bikes === null || free === null || bikes + free <= 0) return null
  return bikes / (bikes + free)
}

/** The level by the one definition that exports and monitoring use too. */
export function fillLevel({ bikes, docks, capacity, inService }: Fill): Level {
  const flags = { is_installed: inService, is_renting: inService, is_returning: inService }
  return levelOf({ bikes, docks, capacity, ...flags })
}

export type Theme = 'light' | 'dark'

/**
 * Orange for few bikes, blue for few docks, grey between: told apart with every common colour blindness, and by
 * lightness. Empty is also drawn as a ring, full with a rim, and a closed station as a cross.
 */
export const PALETTES: Record<Theme, Record<Level, string>> = {
  light: {
    empty: '#b93c07',
    low: '#ee9a3a',
    normal: '#8a94a3',
    nearly_full: '#54a3dd',
    full: '#1b4fb8',
    closed: '#8b919a',
    unknown: '#8b919a',
  },
  dark: {
    empty: '#f4652c',
    low: '#ffb866',
    normal: '#8793a5',
    nearly_full: '#74bdf2',
    full: '#4f83ff',
    closed: '#69727f',
    unknown: '#69727f',
  },
}

/** Each step of a normal station's tint takes so much of the neighbour's colour. */
const TINT_STEP = 0.28

/**
 * Colour of a station. A normal one leans in two steps towards the colour of few bikes below a share of 0.4, and of
 * few docks above 0.6, so that a map shows where bikes gather before anything runs out.
 */
export function fillColour({ fill, theme }: { fill: Fill; theme: Theme }): string {
  const palette = PALETTES[theme]
  const level = fillLevel(fill)
  const share = fillShare(fill)
  if (level !== 'normal' || share === null) return palette[level]
  const steps = Math.min(2, Math.max(-2, Math.round((share - 0.5) * 5)))
  const neighbour = steps < 0 ? palette.low : palette.nearly_full
  return mixColours({ from: palette.normal, to: neighbour, part: Math.abs(steps) * TINT_STEP })
}

/** `part` of the way from one `#rrggbb` to another. */
export function mixColours({ from, to, part }: { from: string; to: string; part: number }): string {
  const mixed = [1, 3, 5].map((at) => {
    const [a, b] = [from, to].map((colour) => Number.parseInt(colour.slice(at, at + 2), 16))
    return Math.round((a ?? 0) + ((b ?? 0) - (a ?? 0)) * part)
      .toString(16)
      .padStart(2, '0')
  })
  return `#${mixed.join('')}`
}
