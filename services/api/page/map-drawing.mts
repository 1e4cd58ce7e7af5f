import type { Level } from '../../domain/levels.ts'
import type { Theme } from './levels.ts'
import { type Point, project, type Size, scaleBar, type View } from './projection.ts'

/** One station as it is drawn. */
export interface Dot extends Point {
  id: string
  radius: number
  level: Level
  colour: string
  /** Bikes, written into dots that are large enough. */
  bikes: number | null
}

export interface Scene {
  size: Size
  view: View
  dots: Dot[]
  theme: Theme
  selected: Dot | null
  hovered: Dot | null
}

const GRID: Record<Theme, string> = { light: 'rgba(15, 40, 60, 0.07)', dark: 'rgba(200, 220, 240, 0.07)' }
const EDGE: Record<Theme, string> = { light: '#ffffff', dark: '#131a22' }
const INK: Record<Theme, string> = { light: '#10202c', dark: '#f2f6fa' }
/** Radius from which the number of bikes fits into a dot, pixels. */
const NUMBER_RADIUS = 10
const TURN = Math.PI * 2

/** Draws the whole map. The context is scaled to CSS pixels. */
export function drawMap(context: CanvasRenderingContext2D, scene: Scene): void {
  const { size, dots, theme, selected, hovered } = scene
  context.clearRect(0, 0, size.width, size.height)
  drawGrid(context, scene)
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  for (const dot of dots) {
    drawDot({ context, dot, colour: dot.colour, edge: EDGE[theme] })
    drawNumber(context, dot)
  }
  for (const dot of [hovered, selected]) {
    if (dot !== null) drawDot({ context, dot, colour: dot.colour, edge: EDGE[theme] })
  }
  if (hovered !== null) ring({ context, dot: hovered, colour: INK[theme], width: 1.5, gap: 2.5 })
  if (selected !== null) ring({ context, dot: selected, colour: INK[theme], width: 2.5, gap: 4 })
}

/** Lines a round distance apart, fixed to the ground: they show that the map moves, and how far. */
function drawGrid(context: CanvasRenderingContext2D, { size, view, theme }: Scene): void {
  const step = scaleBar({ pixelsPerMetre: view.pixelsPerMetre, pixels: 160 }).pixels
  const origin = project({
    place: { lat: Math.round(view.centre.lat), lon: Math.round(view.centre.lon) },
    view,
    size,
  })
  context.strokeStyle = GRID[theme]
  context.lineWidth = 1
  context.beginPath()
  for (let x = ((origin.x % step) + step) % step; x < size.width; x += step) {
    context.moveTo(Math.round(x) + 0.5, 0)
    context.lineTo(Math.round(x) + 0.5, size.height)
  }
  for (let y = ((origin.y % step) + step) % step; y < size.height; y += step) {
    context.moveTo(0, Math.round(y) + 0.5)
    context.lineTo(size.width, Math.round(y) + 0.5)
  }
  context.stroke()
}

interface Brush {
  context: CanvasRenderingContext2D
  dot: Dot
  colour: string
}

function drawDot({ context, dot, colour, edge }: Brush & { edge: string }): void {
  const { x, y, radius, level } = dot
  if (level === 'closed') {
    cross({ context, dot, colour })
    return
  }
  const width = Math.max(1.6, radius * 0.36)
  context.beginPath()
  context.arc(x, y, level === 'empty' ? radius - width / 2 : radius, 0, TURN)
  if (level === 'empty') {
    context.fillStyle = edge
    context.fill()
    context.lineWidth = width
    context.strokeStyle = colour
    context.stroke()
    return
  }
  context.fillStyle = colour
  context.fill()
  context.lineWidth = radius > 5 ? 1.2 : 0.7
  context.strokeStyle = edge
  context.stroke()
  if (level !== 'full') return
  context.beginPath()
  context.arc(x, y, radius + 1.2, 0, TURN)
  context.strokeStyle = colour
  context.stroke()
}

function cross({ context, dot: { x, y, radius }, colour }: Brush): void {
  const arm = Math.max(2, radius * 0.55)
  context.beginPath()
  context.moveTo(x - arm, y - arm)
  context.lineTo(x + arm, y + arm)
  context.moveTo(x + arm, y - arm)
  context.lineTo(x - arm, y + arm)
  context.lineWidth = 1.6
  context.strokeStyle = colour
  context.stroke()
}

function ring({ context, dot, colour, width, gap }: Brush & { width: number; gap: number }): void {
  context.beginPath()
  context.arc(dot.x, dot.y, dot.radius + gap, 0, TURN)
  context.lineWidth = width
  context.strokeStyle = colour
  context.stroke()
}

/** An empty or closed station says so by its shape. */
function drawNumber(context: CanvasRenderingContext2D, { x, y, radius, level, bikes }: Dot): void {
  if (radius < NUMBER_RADIUS || bikes === null || level === 'closed' || level === 'empty') return
  context.font = `600 ${Math.min(13, radius * 0.95)}px system-ui, sans-serif`
  context.fillStyle = level === 'full' ? '#ffffff' : '#0d1a24'
  context.fillText(String(bikes), x, y + 0.5)
}

/** The dot under a position: the nearest within reach of a finger or pointer; null when there is none. */
export function dotAt({ dots, point, reach }: { dots: Dot[]; point: Point; reach: number }): Dot | null {
  let nearest: Dot | null = null
  let best = Number.POSITIVE_INFINITY
  for (const dot of dots) {
    const distance = Math.hypot(dot.x - point.x, dot.y - point.y)
    if (distance > dot.radius + reach || distance >= best) continue
    nearest = dot
    best = distance
  }
  return nearest
}
