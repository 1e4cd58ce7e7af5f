import { expectedChange, fillAt, type Station } from './city.ts'
import { byId, element } from './elements.mts'
import { count, signed } from './format.ts'
import { fillLevel, LEVEL_WORDS } from './levels.ts'
import { type Sort, type SortColumn, tableRows, visibleRows } from './rows.ts'

/** Height of a row, pixels; the style sheet's `--row` is the same. */
const ROW_HEIGHT = 36
/** How long a changed row stays marked, ms. */
const MARK_MS = 2500

interface Column {
  sort: SortColumn
  title: string
  hint: string
}

/** The table: sorted, searched, and drawn only where it is in sight, so that its size does not matter. */
export class StationTable {
  readonly #scroll = byId<HTMLDivElement>('table-scroll')
  readonly #table = byId<HTMLTableElement>('table')
  readonly #search = byId<HTMLInputElement>('table-search')
  readonly #count = byId<HTMLOutputElement>('table-count')
  readonly #choose: (id: string) => void
  readonly #hover: (id: string | null) => void
  #stations: Station[] = []
  #horizons: number[] = []
  #rows: Station[] = []
  #sort: Sort = { column: 'name', descending: false }
  #selected: string | null = null
  #marked = new Map<string, number>()
  #columns = ''

  constructor({ choose, hover }: { choose: (id: string) => void; hover: (id: string | null) => void }) {
    this.#choose = choose
    this.#hover = hover
    this.#search.addEventListener('input', () => {
      this.#scroll.scrollTop = 0
      this.#arrange()
    })
    this.#scroll.addEventListener('scroll', () => this.#draw(), { passive: true })
    new ResizeObserver(() => this.#draw()).observe(this.#scroll)
    const body = this.#body()
    body.addEventListener('click', (event) => {
      const id = rowId(event.target)
      if (id !== null) this.#choose(id)
    })
    body.addEventListener('pointerover', (event) => this.#hover(rowId(event.target)))
    body.addEventListener('pointerleave', () => this.#hover(null))
    body.addEventListener('keydown', (event) => this.#moveFocus(event))
  }

  show({
    stations,
    horizons,
    changed,
  }: {
    stations: Iterable<Station>
    horizons: number[]
    changed: Set<string>
  }): void {
    this.#stations = [...stations]
    this.#horizons = horizons
    const until = performance.now() + MARK_MS
    for (const [id, end] of this.#marked) if (end < performance.now()) this.#marked.delete(id)
    for (const id of changed) this.#marked.set(id, until)
    this.#arrange()
  }

  select(id: string | null, { reveal }: { reveal: boolean }): void {
    this.#selected = id
    const index = this.#rows.findIndex((station) => station.id === id)
    if (reveal && index >= 0) this.#reveal(index)
    this.#draw()
  }

  #reveal(index: number): void {
    const top = index * ROW_HEIGHT
    const head = this.#table.tHead?.offsetHeight ?? 0
    const sight = this.#scroll.clientHeight - head
    if (top < this.#scroll.scrollTop) this.#scroll.scrollTop = top
    else if (top + ROW_HEIGHT > this.#scroll.scrollTop + sight)
      this.#scroll.scrollTop = top + ROW_HEIGHT - sight
  }

  #arrange(): void {
    this.#rows = tableRows({
      stations: this.#stations,
      search: this.#search.value,
      sort: this.#sort,
      changeHorizon: this.#changeHorizon(),
    })
    const all = this.#stations.length
    const found = this.#rows.length
    this.#count.textContent = found === all ? `${count(all)} stations` : `${count(found)} of ${count(all)}`
    this.#table.setAttribute('aria-rowcount', String(found + 1))
    this.#drawHead()
    this.#draw()
  }

  #changeHorizon(): number {
    return this.#horizons.at(-1) ?? 0
  }

  #columnList(): Column[] {
    const last = this.#changeHorizon()
    return [
      { sort: 'name', title: 'Station', hint: 'Name of the station' },
      { sort: 'bikes', title: 'Now', hint: 'Bikes now' },
      ...this.#horizons.map((horizon) => ({
        sort: `h${horizon}` as const,
        title: `+${horizon}`,
        hint: `Bikes expected in ${horizon} minutes`,
      })),
      { sort: 'docks', title: 'Docks', hint: 'Free docks now' },
      { sort: 'change', title: 'Change', hint: `Bikes that come or go within ${last} minutes` },
    ]
  }

  #drawHead(): void {
    const key = JSON.stringify([this.#horizons, this.#sort])
    if (key === this.#columns) return
    this.#columns = key
    const focused = document.activeElement?.closest('th')?.dataset.sort
    const cells = this.#columnList().map(({ sort, title, hint }) => {
      const active = this.#sort.column === sort
      const order = active ? (this.#sort.descending ? 'descending' : 'ascending') : 'none'
      const button = element('button', {
        text: title,
        attributes: { type: 'button', title: hint, 'aria-label': `${hint}, sort` },
      })
      button.addEventListener('click', () => this.#sortBy(sort))
      const cell = element('th', { attributes: { scope: 'col', 'aria-sort': order }, children: [button] })
      cell.dataset.sort = sort
      if (sort === focused) queueMicrotask(() => button.focus())
      return cell
    })
    this.#table.tHead?.rows[0]?.replaceChildren(...cells)
  }

  #sortBy(column: SortColumn): void {
    const again = this.#sort.column === column
    this.#sort = { column, descending: again ? !this.#sort.descending : column !== 'name' }
    this.#scroll.scrollTop = 0
    this.#arrange()
  }

  #body(): HTMLTableSectionElement {
    const body = this.#table.tBodies[0]
    if (body === undefined) throw new Error('page element is missing: tbody')
    return body
  }

  #draw(): void {
    const { first, end } = visibleRows({
      scrollTop: this.#scroll.scrollTop,
      height: this.#scroll.clientHeight,
      rowHeight: ROW_HEIGHT,
      rows: this.#rows.length,
    })
    const focused = rowId(document.activeElement)
    const rows: HTMLElement[] = this.#rows.slice(first, end).map((station, index) => {
      return this.#row(station, first + index)
    })
    if (first > 0) rows.unshift(this.#gap(first))
    if (end < this.#rows.length) rows.push(this.#gap(this.#rows.length - end))
    if (this.#rows.length === 0) rows.push(this.#nothing())
    this.#body().replaceChildren(...rows)
    if (focused !== null) this.#focus(focused)
  }

  #focus(id: string): void {
    const row = [...this.#body().rows].find((candidate) => candidate.dataset.id === id)
    row?.querySelector('button')?.focus({ preventScroll: true })
  }

  #gap(rows: number): HTMLElement {
    const cell = element('td', { attributes: { colspan: String(this.#horizons.length + 4) } })
    const row = element('tr', { className: 'gap', attributes: { 'aria-hidden': 'true' }, children: [cell] })
    row.style.height = `${rows * ROW_HEIGHT}px`
    return row
  }

  #nothing(): HTMLElement {
    const text = this.#stations.length === 0 ? 'No stations yet' : 'No station has that name'
    const cell = element('td', { text, attributes: { colspan: String(this.#horizons.length + 4) } })
    return element('tr', { className: 'nothing', children: [cell] })
  }

  #row(station: Station, index: number): HTMLElement {
    const level = fillLevel(fillAt(station, 0))
    const name = element('button', {
      text: station.name,
      attributes: { type: 'button', title: station.name },
    })
    const mark = element('i', {
      className: 'level',
      attributes: { 'data-level': level, title: LEVEL_WORDS[level] },
    })
    const change = expectedChange(station, this.#changeHorizon())
    const number = (text: string, className = ''): HTMLElement => element('td', { text, className })
    const row = element('tr', {
      attributes: { 'aria-rowindex': String(index + 2) },
      children: [
        element('th', { attributes: { scope: 'row' }, children: [mark, name] }),
        number(count(station.bikes), 'now'),
        ...this.#horizons.map((horizon) => number(count(station.forecasts.get(horizon)?.bikes ?? null))),
        number(count(station.docks)),
        number(signed(change), change === null || change === 0 ? 'flat' : change > 0 ? 'gain' : 'loss'),
      ],
    })
    row.dataset.id = station.id
    if (station.id === this.#selected) row.setAttribute('aria-current', 'true')
    if ((this.#marked.get(station.id) ?? 0) > performance.now()) row.dataset.changed = ''
    if (!station.inService) row.dataset.closed = ''
    return row
  }

  #moveFocus(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    const id = rowId(event.target)
    if (step === undefined || id === null) return
    event.preventDefault()
    const index = this.#rows.findIndex((station) => station.id === id) + step
    const next = this.#rows[index]
    if (next === undefined) return
    this.#reveal(index)
    this.#draw()
    this.#focus(next.id)
  }
}

function rowId(target: EventTarget | null): string | null {
  return target instanceof Element ? (target.closest<HTMLElement>('tr[data-id]')?.dataset.id ?? null) : null
}
