/** How old something is, in words: `32 s ago`, `4 min ago`, `2 h 5 min ago`, `3 days ago`. */
export function ageWords(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 2) return 'just now'
  return `${durationWords(whole)} ago`
}

export function durationWords(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  if (seconds < 100) return `${Math.floor(seconds)} s`
  if (minutes < 60) return `${minutes} min`
  if (minutes < 48 * 60) {
    return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  }
  return `${Math.floor(minutes / 1440)} days`
}

const numbers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** A count with its thousands set apart; a dash when it is not known. */
export function count(value: number | null): string {
  return value === null ? '–' : numbers.format(value)
}

/** `+3`, `−2`, `0`; a dash when it is not known. */
export function signed(value: number | null): string {
  if (value === null) return '–'
  if (value === 0) return '0'
  return `${value > 0 ? '+' : '−'}${numbers.format(Math.abs(value))}`
}

export function percent(share: number | null): string {
  return share === null ? '–' : `${Math.round(share * 100)} %`
}

/** `300 m`, `2 km`. */
export function distance(metres: number): string {
  return metres < 1000 ? `${metres} m` : `${metres / 1000} km`
}

/**
 * A moment in a system's time, and in the reader's where that differs: `14:35:10 Paris (13:35:10 yours)`.
 * With the date when it is not that of `now`. Both epoch ms; zones are IANA names.
 */
export function momentWords({
  utc,
  now,
  zone,
  readerZone,
}: {
  utc: number
  now: number
  zone: string
  readerZone: string
}): string {
  const there = clockTime({ utc, now, zone })
  const here = clockTime({ utc, now, zone: readerZone })
  return there === here ? `${there} ${zoneCity(zone)}` : `${there} ${zoneCity(zone)} (${here} yours)`
}

function clockTime({ utc, now, zone }: { utc: number; now: number; zone: string }): string {
  const time = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', timeZone: zone }).format(utc)
  const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: zone })
  return day.format(utc) === day.format(now) ? time : `${day.format(utc)}, ${time}`
}

/** `Europe/Paris` → `Paris`. */
export function zoneCity(zone: string): string {
  return (zone.split('/').at(-1) ?? zone).replaceAll('_', ' ')
}

/** One version when all horizons share it, else each with its horizons: `gbm 1.2.0 (15, 30) · persistence 1 (60)`. */
export function modelWords(versions: Record<string, string>): string {
  const horizons = new Map<string, string[]>()
  for (const [horizon, version] of Object.entries(versions)) {
    horizons.set(version, [...(horizons.get(version) ?? []), horizon])
  }
  if (horizons.size === 0) return '–'
  if (horizons.size === 1) return [...horizons.keys()].join()
  return [...horizons].map(([version, of]) => `${version} (${of.join(', ')})`).join(' · ')
}
