import { LEVELS } from '../../domain/levels.ts'
import { type City, freshness, totals } from './city.ts'
import { byId, element } from './elements.mts'
import { ageWords, count, modelWords, momentWords } from './format.ts'
import { LEVEL_WORDS } from './levels.ts'
import type { Connection } from './live.mts'
import { noticeText } from './notice.ts'

const CONNECTION_WORDS: Record<Connection, string> = {
  connecting: 'connecting',
  connected: 'connected',
  reconnecting: 'reconnecting',
  degraded: 'data store unreachable',
}

export function showConnection(connection: Connection): void {
  const place = byId('connection')
  if (place.dataset.state === connection) return
  place.dataset.state = connection
  const words = place.querySelector('span')
  if (words !== null) words.textContent = CONNECTION_WORDS[connection]
}

/** Badges, the feed's time and age, models and the notice. Called with each update and once a second. */
export function showHeader({ city, now }: { city: City; now: number }): void {
  const { state, timezone } = city.update
  if (state === null) return
  const { ageS, stale, withheld } = freshness({ city, now })
  const badges: [string, string][] = []
  if (state.source === 'simulate') badges.push(['SIMULATED', 'simulated'])
  if (state.source === 'replay') badges.push(['REPLAY', 'replay'])
  if (stale) badges.push(['STALE', 'stale'])
  if (withheld) badges.push(['NO FORECAST', 'withheld'])
  setBadges(badges)

  const readerZone = Intl.DateTimeFormat().resolvedOptions().timeZone
  const time = byId<HTMLTimeElement>('feed-time')
  setText(time, momentWords({ utc: state.ts_utc, now, zone: timezone, readerZone }))
  time.dateTime = new Date(state.ts_utc).toISOString()
  const age = byId('feed-age')
  setText(age, state.source === 'replay' ? '· recorded' : `· ${ageWords(ageS)}`)
  age.dataset.stale = String(stale)
  setText(byId('model'), modelWords(state.model_versions))
  setNotice(noticeText({ city, now }))
}

function setBadges(badges: [string, string][]): void {
  const place = byId('badges')
  const key = badges.map(([text]) => text).join()
  if (place.dataset.key === key) return
  place.dataset.key = key
  place.replaceChildren(
    ...badges.map(([text, kind]) => element('strong', { text, className: `badge ${kind}` })),
  )
}

function setNotice(text: string): void {
  const place = byId('notice')
  place.hidden = text === ''
  setText(place, text)
}

function setText(place: HTMLElement, text: string): void {
  if (place.textContent !== text) place.textContent = text
}

/** The tiles below the header. */
export function showTotals(city: City): void {
  const sums = totals(city)
  const tile = (name: string, value: string, note: string): HTMLElement =>
    element('div', {
      className: 'tile',
      children: [
        element('span', { text: name }),
        element('strong', { text: value }),
        element('small', { text: note }),
      ],
    })
  const share = (part: number): string => {
    return sums.inService === 0 ? '' : `${((100 * part) / sums.inService).toFixed(1)} %`
  }
  const expected = [...sums.expected].map(([horizon, bikes]) => {
    const change =
      bikes === null
        ? 'no forecast'
        : `${bikes >= sums.bikes ? '+' : '−'}${count(Math.abs(bikes - sums.bikes))}`
    return tile(`In ${horizon} min`, count(bikes), change)
  })
  byId('totals').replaceChildren(
    tile('Stations', count(sums.stations), `${count(sums.inService)} in service`),
    tile('Bikes now', count(sums.bikes), `${count(sums.ebike)} electric`),
    ...expected,
    tile('Free docks', count(sums.docks), 'now'),
    tile('Empty', count(sums.empty), share(sums.empty)),
    tile('Full', count(sums.full), share(sums.full)),
  )
}

export function showLegend(): void {
  const entries = LEVELS.filter((level) => level !== 'unknown').map((level) =>
    element('li', {
      children: [
        element('i', { className: 'level', attributes: { 'data-level': level } }),
        document.createTextNode(LEVEL_WORDS[level]),
      ],
    }),
  )
  byId('legend').replaceChildren(...entries)
}
