import { fillAt, type Shown, type Station } from './city.ts'
import { distance } from './format.ts'
import { fillColour, fillLevel, type Theme } from './levels.ts'
import { type Dot, dotAt, drawMap } from './map-drawing.mts'
import {
  fitView,
  isPlace,
  type Place,
  type Point,
  pan,
  project,
  type Size,
  scaleBar,
  stationRadius,
  type View,
  zoomAt,
} from './projection.ts'

const KEY_STEP = 60
const DOT_REACH = { mouse: 5, pen: 8, touch: 14 } as Record<string, number>
/** A pointer that moved less than this between down and up has clicked, pixels. */
const CLICK_SLACK = 6

/** The map: stations on a canvas, moved and zoomed by mouse, touch and keys. It draws at most once a frame. */
export class StationMap {
  readonly #canvas: HTMLCanvasElement
  readonly #scale: HTMLElement
  readonly #hover: (id: string | null, at: Point | null) => void
  readonly #choose: (id: string | null) => void
  #stations: Station[] = []
  #shown: Shown = 0
  #theme: Theme = 'light'
  #size: Size = { width: 0, height: 0 }
  #view: View | null = null
  #dots: Dot[] = []
  #selected: string | null = null
  #hovered: string | null = null
  #typicalCapacity = 20
  #typicalSpacingMetres = 300
  #frame = 0
  readonly #pointers = new Map<string, Point>()
  #travelled = 0

  constructor(options: {
    canvas: HTMLCanvasElement
    scale: HTMLElement
    hover: (id: string | null, at: Point | null) => void
    choose: (id: string | null) => void
  }) {
    this.#canvas = options.canvas
    this.#scale = options.scale
    this.#hover = options.hover
    this.#choose = options.choose
    new ResizeObserver(() => this.#resize()).observe(options.canvas)
    this.#listen()
  }

  /** Shows other values or stations; the view stays, unless the city is another one. */
  show({ stations, shown, anew }: { stations: Iterable<Station>; shown: Shown; anew: boolean }): void {
    this.#stations = [...stations].filter(({ lat, lon }) => isPlace(lat, lon))
    this.#shown = shown
    const capacities = this.#stations.flatMap(({ capacity }) => capacity ?? []).toSorted((a, b) => a - b)
    this.#typicalCapacity = capacities[capacities.length >> 1] ?? 20
    if (anew) this.#view = null
    this.#draw()
  }

  set theme(theme: Theme) {
    this.#theme = theme
    this.#draw()
  }

  select(id: string | null, { reveal }: { reveal: boolean }): void {
    this.#selected = id
    const dot = this.#dots.find((candidate) => candidate.id === id)
    const station = this.#stations.find((candidate) => candidate.id === id)
    const hidden =
      dot === undefined ||
      dot.x < 30 ||
      dot.y < 30 ||
      dot.x > this.#size.width - 30 ||
      dot.y > this.#size.height - 30
    if (reveal && hidden && station !== undefined && this.#view !== null) {
      this.#view = { ...this.#view, centre: placeOf(station) }
    }
    this.#draw()
  }

  highlight(id: string | null): void {
    if (this.#hovered === id) return
    this.#hovered = id
    this.#draw()
  }

  zoom(factor: number): void {
    this.#zoomAt(factor, { x: this.#size.width / 2, y: this.#size.height / 2 })
  }

  showAll(): void {
    this.#view = null
    this.#draw()
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas
    const ratio = Math.min(3, window.devicePixelRatio || 1)
    this.#size = { width, height }
    this.#canvas.width = Math.round(width * ratio)
    this.#canvas.height = Math.round(height * ratio)
    this.#paint()
  }

  #draw(): void {
    this.#frame ||= requestAnimationFrame(() => this.#paint())
  }

  #paint(): void {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    const context = this.#canvas.getContext('2d')
    if (context === null || this.#size.width === 0) return
    const view = this.#currentView()
    const ratio = this.#canvas.width / this.#size.width
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    this.#dots = this.#stations.map((station) => this.#dot(station, view))
    drawMap(context, {
      size: this.#size,
      view,
      dots: this.#dots,
      theme: this.#theme,
      selected: this.#dots.find(({ id }) => id === this.#selected) ?? null,
      hovered: this.#dots.find(({ id }) => id === this.#hovered) ?? null,
    })
    const bar = scaleBar({ pixelsPerMetre: view.pixelsPerMetre, pixels: 120 })
    this.#scale.style.width = `${bar.pixels}px`
    this.#scale.textContent = distance(bar.metres)
  }

  /** The view, or the one that shows every station until somebody moves it. */
  #currentView(): View {
    if (this.#view !== null) return this.#view
    const places = this.#stations.map(placeOf)
    const view = fitView({ places, size: this.#size })
    const area = (this.#size.width * this.#size.height) / view.pixelsPerMetre ** 2
    this.#typicalSpacingMetres = Math.sqrt(area / Math.max(1, places.length))
    return view
  }

  #dot(station: Station, view: View): Dot {
    const { x, y } = project({ place: placeOf(station), view, size: this.#size })
    const fill = fillAt(station, this.#shown)
    const radius = stationRadius({
      capacity: station.capacity,
      typicalCapacity: this.#typicalCapacity,
      spacing: this.#typicalSpacingMetres * view.pixelsPerMetre,
    })
    const colour = fillColour({ fill, theme: this.#theme })
    return { id: station.id, x, y, radius, level: fillLevel(fill), colour, bikes: fill.bikes }
  }

  #move(by: Point): void {
    this.#view = pan({ view: this.#currentView(), size: this.#size, by })
    this.#draw()
  }

  #zoomAt(factor: number, point: Point): void {
    this.#view = zoomAt({ view: this.#currentView(), size: this.#size, point, factor })
    this.#draw()
  }

  #listen(): void {
    const canvas = this.#canvas
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId)
      this.#pointers.set(String(event.pointerId), { x: event.offsetX, y: event.offsetY })
      this.#travelled = 0
      this.#setHover(null, event)
    })
    canvas.addEventListener('pointermove', (event) => this.#pointerMoved(event))
    canvas.addEventListener('pointerup', (event) => {
      if (this.#pointers.size === 1 && this.#travelled < CLICK_SLACK) {
        this.#choose(this.#under(event)?.id ?? null)
      }
      this.#pointers.delete(String(event.pointerId))
    })
    canvas.addEventListener('pointercancel', (event) => this.#pointers.delete(String(event.pointerId)))
    canvas.addEventListener('pointerleave', (event) => this.#setHover(null, event))
    canvas.addEventListener('dblclick', (event) => this.#zoomAt(2, { x: event.offsetX, y: event.offsetY }))
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault()
        const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1
        this.#zoomAt(Math.exp(-event.deltaY * lines * 0.0018), { x: event.offsetX, y: event.offsetY })
      },
      { passive: false },
    )
    canvas.addEventListener('keydown', (event) => {
      const act = this.#keys[event.key]
      if (act === undefined) return
      event.preventDefault()
      act()
    })
  }

  readonly #keys: Record<string, () => void> = {
    ArrowLeft: () => this.#move({ x: KEY_STEP, y: 0 }),
    ArrowRight: () => this.#move({ x: -KEY_STEP, y: 0 }),
    ArrowUp: () => this.#move({ x: 0, y: KEY_STEP }),
    ArrowDown: () => this.#move({ x: 0, y: -KEY_STEP }),
    '+': () => this.zoom(1.5),
    '=': () => this.zoom(1.5),
    '-': () => this.zoom(1 / 1.5),
    '0': () => this.showAll(),
    Escape: () => this.#choose(null),
  }

  #pointerMoved(event: PointerEvent): void {
    const id = String(event.pointerId)
    const before = this.#pointers.get(id)
    const point = { x: event.offsetX, y: event.offsetY }
    if (before === undefined) {
      this.#setHover(this.#under(event), event)
      return
    }
    const other = [...this.#pointers].find(([key]) => key !== id)?.[1]
    this.#pointers.set(id, point)
    const by = { x: point.x - before.x, y: point.y - before.y }
    this.#travelled += Math.hypot(by.x, by.y)
    if (other === undefined) {
      if (this.#travelled >= CLICK_SLACK) this.#move(by)
      return
    }
    const middle = { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 }
    const apart = (a: Point): number => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y))
    this.#move({ x: by.x / 2, y: by.y / 2 })
    this.#zoomAt(apart(point) / apart(before), middle)
  }

  #under(event: PointerEvent): Dot | null {
    const point = { x: event.offsetX, y: event.offsetY }
    return dotAt({ dots: this.#dots, point, reach: DOT_REACH[event.pointerType] ?? 5 })
  }

  #setHover(dot: Dot | null, event: PointerEvent): void {
    this.highlight(dot?.id ?? null)
    this.#canvas.style.cursor = dot === null ? '' : 'pointer'
    this.#hover(dot?.id ?? null, dot === null ? null : { x: event.offsetX, y: event.offsetY })
  }
}

function placeOf({ lat, lon }: Station): Place {
  return { lat: lat ?? 0, lon: lon ?? 0 }
}
