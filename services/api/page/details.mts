import { fillAt, type Station } from './city.ts'
import { element } from './elements.mts'
import { count, durationWords, percent, signed } from './format.ts'
import { fillLevel, fillShare, LEVEL_WORDS } from './levels.ts'

/** What a pointer shows of a station: its name, and bikes now and ahead. */
export function tipContent(station: Station, horizons: number[]): Node[] {
  const ahead = horizons.map((horizon) => {
    return `+${horizon}: ${count(station.forecasts.get(horizon)?.bikes ?? null)}`
  })
  return [
    element('strong', { text: station.name }),
    element('span', { text: [`now: ${count(station.bikes)}`, ...ahead].join('  ·  ') }),
  ]
}

/** The card of a chosen station. */
export function detailsContent({
  station,
  horizons,
  close,
}: {
  station: Station
  horizons: number[]
  close: () => void
}): Node[] {
  const level = fillLevel(fillAt(station, 0))
  const button = element('button', {
    text: '×',
    className: 'close',
    attributes: { type: 'button', 'aria-label': 'Close' },
  })
  button.addEventListener('click', close)
  const head = element('header', {
    children: [
      element('div', {
        children: [
          element('h2', { text: station.name }),
          element('p', {
            className: 'quiet',
            text: `#${station.id} · ${count(station.capacity)} docks in all`,
          }),
        ],
      }),
      button,
    ],
  })
  const state = element('p', {
    className: 'state',
    children: [
      element('i', { className: 'level', attributes: { 'data-level': level } }),
      document.createTextNode(LEVEL_WORDS[level]),
    ],
  })
  const bars = [0, ...horizons].map((shown) => bar(station, shown))
  return [head, state, element('div', { className: 'bars', children: bars }), facts(station)]
}

function bar(station: Station, shown: number): HTMLElement {
  const fill = fillAt(station, shown)
  const share = fillShare(fill)
  const inner = element('span', { attributes: { 'data-level': fillLevel(fill) } })
  inner.style.width = `${Math.round((share ?? 0) * 100)}%`
  const change =
    shown === 0 || fill.bikes === null || station.bikes === null ? null : fill.bikes - station.bikes
  return element('div', {
    className: 'bar-row',
    children: [
      element('span', { text: shown === 0 ? 'now' : `+${shown} min` }),
      element('strong', { text: count(fill.bikes) }),
      element('span', {
        className: 'meter',
        attributes: { title: `${percent(share)} full` },
        children: [inner],
      }),
      element('span', {
        className: 'quiet',
        text: shown === 0 ? 'bikes' : change === null ? '' : signed(change),
      }),
    ],
  })
}

function facts(station: Station): HTMLElement {
  const entries: [string, string][] = [
    ['Mechanical', count(station.mechanical)],
    ['E-bikes', count(station.ebike)],
    ['Free docks', count(station.docks)],
  ]
  if (station.behindS > 0) entries.push(['Not heard of for', durationWords(station.behindS)])
  return element('dl', {
    children: entries.map(([name, value]) =>
      element('div', { children: [element('dt', { text: name }), element('dd', { text: value })] }),
    ),
  })
}
