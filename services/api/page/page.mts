import { LEVELS } from '../../domain/levels.ts'
import type { ModelReport } from '../model-report.ts'
import { applyUpdate, type City, freshness, type Shown, withoutForecasts } from './city.ts'
import { detailsContent, tipContent } from './details.mts'
import { byId, element } from './elements.mts'
import { showConnection, showHeader, showLegend, showTotals } from './header.mts'
import { PALETTES } from './levels.ts'
import { follow } from './live.mts'
import { StationMap } from './map.mts'
import { followModel, showSkill } from './skill.mts'
import { StationTable } from './table.mts'

interface SystemEntry {
  system: string
  name: string | null
}

/** Everything the page knows. */
let city: City | null = null
let shown: Shown = 0
let chosen: string | null = null
let serverAhead = 0
let wasWithheld = false
let report: ModelReport | null = null
let model: { stop: () => void } | null = null
let stream: { stop: () => void } | null = null

const details = byId('details')
const tip = byId('tip')

const map = new StationMap({
  canvas: byId<HTMLCanvasElement>('map'),
  scale: byId('scale').firstElementChild as HTMLElement,
  choose: (id) => choose(id, { from: 'map' }),
  hover: (id, at) => {
    const station = id === null ? undefined : visible()?.stations.get(id)
    tip.hidden = station === undefined || at === null
    if (station === undefined || at === null) return
    tip.replaceChildren(...tipContent(station, city?.horizons ?? []))
    const width = byId('map').clientWidth
    tip.style.left = `${Math.max(8, Math.min(at.x + 14, width - tip.offsetWidth - 8))}px`
    tip.style.top = `${at.y + 16}px`
  },
})

const table = new StationTable({
  choose: (id) => choose(id, { from: 'table' }),
  hover: (id) => map.highlight(id),
})

function now(): number {
  return Date.now() + serverAhead
}

/** The city as it may be shown: without forecasts once its data is too old for them. */
function visible(): City | null {
  if (city === null) return null
  return freshness({ city, now: now() }).withheld ? withoutForecasts(city) : city
}

function choose(id: string | null, { from }: { from: 'map' | 'table' | 'key' }): void {
  chosen = id
  map.select(id, { reveal: from === 'table' })
  table.select(id, { reveal: from === 'map' })
  showDetails()
}

function showDetails(): void {
  const station = chosen === null ? undefined : visible()?.stations.get(chosen)
  details.hidden = station === undefined
  if (station === undefined) return
  const close = (): void => choose(null, { from: 'key' })
  details.replaceChildren(...detailsContent({ station, horizons: city?.horizons ?? [], close }))
}

function showHorizons(horizons: number[]): void {
  const place = byId<HTMLFieldSetElement>('horizons')
  if (place.dataset.key === horizons.join()) return
  place.dataset.key = horizons.join()
  if (!horizons.includes(shown)) shown = 0
  const choices = [0, ...horizons].map((horizon) => {
    const input = element('input', {
      attributes: { type: 'radio', name: 'horizon', value: String(horizon) },
    })
    input.checked = horizon === shown
    input.addEventListener('change', () => {
      shown = horizon
      showStations({ anew: false })
    })
    const text = horizon === 0 ? 'Now' : `+${horizon} min`
    return element('label', { children: [input, element('span', { text })] })
  })
  place.replaceChildren(element('legend', { text: 'Show bikes', className: 'unseen' }), ...choices)
}

function showStations({ anew }: { anew: boolean }): void {
  const current = visible()
  if (current === null) return
  const { stations, horizons, changed } = current
  map.show({ stations: stations.values(), shown, anew })
  table.show({ stations: stations.values(), horizons, changed })
  showTotals(current)
  showDetails()
}

function showAll({ anew }: { anew: boolean }): void {
  if (city === null) return
  const { state, name, system } = city.update
  document.body.dataset.phase = state === null ? 'waiting' : 'shown'
  byId('waiting-text').textContent = `Waiting for the first poll of ${name ?? system}…`
  byId('system-name').textContent = name ?? system
  document.title = `${name ?? system} · Velocast`
  if (state === null) return
  wasWithheld = freshness({ city, now: now() }).withheld
  showHorizons(city.horizons)
  showHeader({ city, now: now() })
  showSkill({ city, report })
  showStations({ anew })
}

function followSystem(system: string): void {
  stream?.stop()
  model?.stop()
  city = null
  report = null
  showSkill({ city, report })
  choose(null, { from: 'key' })
  model = followModel({
    system,
    update: (next) => {
      report = next
      showSkill({ city, report })
    },
  })
  stream = follow({
    system,
    update: (update) => {
      const anew = city === null || city.update.state === null
      city = applyUpdate({ before: city, update })
      showAll({ anew })
    },
    connection: showConnection,
    serverAhead: (milliseconds) => {
      serverAhead = milliseconds
    },
  })
}

/** The systems there are; asked again until there is an answer. */
async function loadSystems(): Promise<SystemEntry[]> {
  for (;;) {
    try {
      const answer = await fetch('/v1/systems')
      if (answer.ok) return ((await answer.json()) as { systems: SystemEntry[] }).systems
    } catch {
      // The server is away: said by the connection state, and asked again.
    }
    showConnection('reconnecting')
    await new Promise((resolve) => setTimeout(resolve, 3000))
  }
}

function offerSystems(systems: SystemEntry[], first: string): void {
  if (systems.length < 2) return
  const select = byId<HTMLSelectElement>('system-select')
  select.replaceChildren(
    ...systems.map(({ system, name }) =>
      element('option', { text: name ?? system, attributes: { value: system } }),
    ),
  )
  select.value = first
  select.addEventListener('change', () => {
    const address = new URL(location.href)
    address.searchParams.set('system', select.value)
    history.replaceState(null, '', address)
    followSystem(select.value)
  })
  byId('system-choice').hidden = false
  byId('system-name').hidden = true
}

function useTheme(dark: boolean): void {
  const theme = dark ? 'dark' : 'light'
  for (const level of LEVELS) {
    document.documentElement.style.setProperty(`--level-${level}`, PALETTES[theme][level])
  }
  map.theme = theme
}

const darkness = matchMedia('(prefers-color-scheme: dark)')
darkness.addEventListener('change', ({ matches }) => useTheme(matches))
useTheme(darkness.matches)
showLegend()
byId('zoom-in').addEventListener('click', () => map.zoom(1.6))
byId('zoom-out').addEventListener('click', () => map.zoom(1 / 1.6))
byId('zoom-all').addEventListener('click', () => map.showAll())
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') choose(null, { from: 'key' })
})
setInterval(() => {
  if (city === null || city.update.state === null) return
  showHeader({ city, now: now() })
  if (freshness({ city, now: now() }).withheld !== wasWithheld) showAll({ anew: false })
}, 1000)

const systems = await loadSystems()
const asked = new URLSearchParams(location.search).get('system')
const first = systems.find(({ system }) => system === asked) ?? systems[0]
if (first !== undefined) {
  byId('waiting-text').textContent = `Waiting for the first poll of ${first.name ?? first.system}…`
  offerSystems(systems, first.system)
  followSystem(first.system)
}
