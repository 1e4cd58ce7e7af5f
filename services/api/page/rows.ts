import { expectedChange, type Station } from './city.ts'

/** Columns that the table can be sorted by; `h15` is the forecast at 15 minutes. */
export type SortColumn = 'name' | 'bikes' | 'docks' | 'change' | `h${number}`

export interface Sort {
  column: SortColumn
  descending: boolean
}

/** Text without accents and case, so that `velo` finds `Vélo`. */
export function plainText(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
}

/**
 * The stations whose name or id holds every word of `search`, sorted. Stations without a value come last either
 * way; ties go by name, then id, so that a live table does not jump.
 */
export function tableRows({
  stations,
  search,
  sort,
  changeHorizon,
}: {
  stations: Iterable<Station>
  search: string
  sort: Sort
  /** Horizon that `change` is for. */
  changeHorizon: number
}): Station[] {
  const words = plainText(search).split(/\s+/).filter(Boolean)
  const found = [...stations].filter(({ name, id }) => {
    if (words.length === 0) return true
    const text = plainText(`${name} ${id}`)
    return words.every((word) => text.includes(word))
  })
  const sign = sort.descending ? -1 : 1
  const value = sortValue({ column: sort.column, changeHorizon })
  return found
    .map((station) => ({ station, value: value(station) }))
    .sort((a, b) => {
      if (a.value !== null && b.value !== null && a.value !== b.value) return sign * (a.value - b.value)
      if ((a.value === null) !== (b.value === null)) return a.value === null ? 1 : -1
      return (sort.column === 'name' ? sign : 1) * byName(a.station, b.station)
    })
    .map(({ station }) => station)
}

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

function byName(a: Station, b: Station): number {
  return names.compare(a.name, b.name) || names.compare(a.id, b.id)
}

function sortValue({
  column,
  changeHorizon,
}: {
  column: SortColumn
  changeHorizon: number
}): (station: Station) => number | null {
  if (column === 'name') return () => null
  if (column === 'bikes') return ({ bikes }) => bikes
  if (column === 'docks') return ({ docks }) => docks
  if (column === 'change') return (station) => expectedChange(station, changeHorizon)
  const horizon = Number(column.slice(1))
  return ({ forecasts }) => forecasts.get(horizon)?.bikes ?? null
}

/** Which rows of a long table are to be drawn: those in sight and a few around them. */
export function visibleRows({
  scrollTop,
  height,
  rowHeight,
  rows,
}: {
  scrollTop: number
  height: number
  rowHeight: number
  rows: number
}): { first: number; end: number } {
  const spare = 8
  const first = Math.max(0, Math.min(rows, Math.floor(scrollTop / rowHeight) - spare))
  const end = Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + spare)
  return { first, end: Math.max(first, end) }
}
