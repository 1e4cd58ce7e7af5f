/** Length of a bin in milliseconds: 5 minutes, the grid of every window, lag and Parquet row. */
export const BIN_MS = 300_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

/** Start of the bin that holds `utc` (epoch ms, may be negative): floor, never round. */
export function floorBin(utc: number): number {
  return Math.floor(utc / BIN_MS) * BIN_MS
}

export function floorHour(utc: number): number {
  return Math.floor(utc / HOUR_MS) * HOUR_MS
}

export function floorDay(utc: number): number {
  return Math.floor(utc / DAY_MS) * DAY_MS
}

/** `YYYY-MM-DD` of the UTC day that holds `utc` (epoch ms). */
export function dayName(utc: number): string {
  return new Date(utc).toISOString().slice(0, 10)
}

/** `YYYY-MM` of the UTC month that holds `utc` (epoch ms). */
export function monthName(utc: number): string {
  return new Date(utc).toISOString().slice(0, 7)
}

/** `YYYY-MM-DDTHH-MM` of a bin start (epoch ms, UTC): the stem of a bronze part's name. */
export function binName(bin: number): string {
  return new Date(bin).toISOString().slice(0, 16).replace(':', '-')
}
