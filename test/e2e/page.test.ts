import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type RunningApi, startApi } from '../api/api.ts'
import { buildCity, CITY, type Publish } from '../api/built-city.ts'
import { UnavailableError } from '../stack/unavailable.ts'
import { launchBrowser } from './browser.ts'

const launched = await launchBrowser()
const missing = launched instanceof UnavailableError ? ` (left out: ${launched.message})` : ''
const DESK: BrowserContextOptions = { viewport: { width: 1440, height: 900 }, timezoneId: 'America/New_York' }
const PHONE: BrowserContextOptions = {
  viewport: { width: 375, height: 812 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
}

/** What the browser says of this test's own look at the map's pixels. */
const READBACK = /^Canvas2D: Multiple readback/

let running: RunningApi
let trouble: string[] = []

/** Republishes a city as of a later second, with some stations changed. */
function later(
  city: Publish,
  seconds: number,
  change: (rows: Publish['rows']) => void = () => undefined,
): Publish {
  const rows = structuredClone(city.rows)
  change(rows)
  const { system } = city
  const times = { fetched_utc: system.fetched_utc + seconds * 1000 }
  return { ...city, rows, system: { ...system, ...times, poll_id: `${system.poll_id}-${seconds}` } }
}

async function open(options: BrowserContextOptions = DESK, path = '/'): Promise<Page> {
  const context = await (launched as Browser).newContext(options)
  const page = await context.newPage()
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !READBACK.test(message.text())) {
      trouble.push(message.text())
    }
  })
  page.on('pageerror', (error) => trouble.push(String(error)))
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? ''
    if (!(reason === 'net::ERR_ABORTED' && request.url().endsWith('/events'))) {
      trouble.push(`${request.url()} ${reason}`)
    }
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(running.api.url)) trouble.push(`asks elsewhere: ${request.url()}`)
  })
  await page.goto(running.api.url + path)
  return page
}

/** Runs in the browser: how often each opaque colour occurs on the map. */
const COUNT_COLOURS = `(() => {
  const canvas = document.querySelector('#map')
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const counts = {}
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] !== 255) continue
    const colour = [data[at], data[at + 1], data[at + 2]]
    const key = colour.map((part) => part.toString(16).padStart(2, '0')).join('')
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
})()`

/** Runs in the browser: the page's width, and how many elements stand out of a phone. */
const MEASURE_WIDTHS = `({
  page: document.documentElement.scrollWidth,
  wide: [...document.querySelectorAll('body *')].filter(
    (node) => node.getBoundingClientRect().right > 376 && getComputedStyle(node).position !== 'absolute',
  ).length,
})`

function mapColours(page: Page): Promise<Record<string, number>> {
  return page.evaluate(COUNT_COLOURS)
}

/** The numbers of a station's row, as text. */
async function rowOf(page: Page, name: string): Promise<string[]> {
  await page.fill('#table-search', name)
  return page.locator('#table tbody tr[data-id]').first().locator('td').allTextContents()
}

describe.skipIf(launched instanceof UnavailableError)(`the page in a browser${missing}`, () => {
  beforeEach(async () => {
    trouble = []
    running = await startApi({
      systems: [
        {
          id: CITY,
          name: 'River City',
          timezone: 'Europe/Paris',
          discovery_url: 'http://127.0.0.1/gbfs.json',
        },
        {
          id: 'hill-town',
          name: 'Hill Town',
          timezone: 'Asia/Tokyo',
          discovery_url: 'http://127.0.0.1/gbfs.json',
        },
      ],
    })
  })

  afterEach(async () => {
    for (const context of (launched as Browser).contexts()) await context.close()
    await running.api.close()
    expect(trouble).toEqual([])
  })

  afterAll(async () => {
    await (launched as Browser).close()
  })

  test('shows a city: map, table, totals, times, model and its SIMULATED mark', async () => {
    const city = buildCity({ ts: Date.now() - 20_000 })
    await running.lookUps.publish(city)
    const page = await open()
    await page.waitForSelector('#table tbody tr[data-id]')
    expect(await page.title()).toBe('River City · Velocast')
    expect(await page.textContent('#badges')).toBe('SIMULATED')
    expect(await page.textContent('#connection')).toBe('connected')
    expect(await page.textContent('#model')).toBe('persistence-1.0.0')
    expect(await page.textContent('#feed-time')).toMatch(
      /^.*\d\d:\d\d:\d\d Paris \(.*\d\d:\d\d:\d\d yours\)$/,
    )
    expect(await page.textContent('#feed-age')).toMatch(/^· \d+ s ago$/)
    expect(await page.isHidden('#notice')).toBe(true)
    const bikes = city.rows.reduce((sum, row) => sum + (row.bikes ?? 0), 0)
    expect(await page.textContent('#totals')).toContain(bikes.toLocaleString('en'))

    const drawn = await page.locator('#table tbody tr[data-id]').count()
    expect(drawn).toBeGreaterThan(15)
    expect(drawn).toBeLessThan(60)
    expect(await page.getAttribute('#table', 'aria-rowcount')).toBe('301')
    const station = city.rows[42]
    const ahead = station?.forecast?.horizons.map(({ bikes_median }) => bikes_median) ?? []
    const change = (ahead[1] ?? 0) - (station?.bikes ?? 0)
    const signed = change === 0 ? '0' : change > 0 ? `+${change}` : `−${-change}`
    expect(await rowOf(page, station?.station_id ?? '')).toEqual([
      ...[station?.bikes, ...ahead, station?.docks].map(String),
      signed,
    ])

    const colours = await mapColours(page)
    for (const level of ['b93c07', 'ee9a3a', '8a94a3', '54a3dd', '1b4fb8']) {
      expect(colours[level], level).toBeGreaterThan(100)
    }
  })

  test('changes a number, a total and the map when a poll comes, without a reload', async () => {
    const city = buildCity({ ts: Date.now() - 20_000 })
    await running.lookUps.publish(city)
    const page = await open()
    await page.waitForSelector('#table tbody tr[data-id]')
    expect(await rowOf(page, '1007')).toContain(String(city.rows[7]?.bikes))
    const before = await mapColours(page)
    await page.evaluate('window.before = true')
    await running.lookUps.publish(
      later(city, 5, (rows) => {
        for (const row of rows) Object.assign(row, { bikes: 0, docks: row.capacity })
      }),
    )
    await expect.poll(() => page.locator('tbody td.now').first().textContent()).toBe('0')
    expect(await page.locator('#totals').textContent()).toContain('Bikes now0')
    expect((await mapColours(page)).b93c07 ?? 0).toBeGreaterThan(2 * (before.b93c07 ?? 0))
    expect(await page.evaluate('window.before')).toBe(true)
  })

  test('waits for a first poll, then fills by itself', async () => {
    const page = await open()
    await page.waitForSelector('text=Waiting for the first poll of River City…')
    expect(await page.isVisible('#table')).toBe(false)
    await running.lookUps.publish(buildCity({ ts: Date.now() }))
    await page.waitForSelector('#table tbody tr[data-id]')
    expect(await page.isHidden('#waiting')).toBe(true)
  })

  test('marks data as stale that the server calls stale, and says why forecasts are withheld', async () => {
    const city = buildCity({ ts: Date.now() - 700_000, stale: true })
    await running.lookUps.publish(city)
    const page = await open()
    await page.waitForSelector('.badge.stale')
    expect(await page.textContent('#notice')).toMatch(/^No poll of the feed for 11 min\./)
    const withheld = later(city, 10, (rows) => {
      for (const row of rows) row.forecast = null
    })
    await running.lookUps.publish({ ...withheld, system: { ...withheld.system, withheld: true } })
    await page.waitForSelector('.badge.withheld')
    expect(await page.textContent('#notice')).toMatch(/^Forecasts are withheld: .* \(the limit is 1 h\)/)
    expect((await rowOf(page, '1007')).slice(1, 3)).toEqual(['–', '–'])
  })

  test('marks live data as stale by its age when no poll comes at all, but never a replay', async () => {
    await running.lookUps.publish(buildCity({ ts: Date.now() - 1_000_000, source: 'live' }))
    await running.lookUps.publish(buildCity({ system: 'hill-town', ts: Date.now() - 1e10, source: 'replay' }))
    const page = await open()
    await page.waitForSelector('.badge.stale')
    await page.selectOption('#system-select', 'hill-town')
    await page.waitForSelector('.badge.replay')
    expect(await page.textContent('#badges')).toBe('REPLAY')
    expect(await page.textContent('#feed-time')).toMatch(/Tokyo/)
    expect(new URL(page.url()).searchParams.get('system')).toBe('hill-town')
  })

  test('says that it reconnects when the server goes, and goes on by itself when it is back', async () => {
    const city = buildCity({ ts: Date.now() - 20_000 })
    await running.lookUps.publish(city)
    const page = await open()
    await page.waitForSelector('#connection[data-state="connected"]')
    const port = Number(new URL(running.api.url).port)
    await running.api.drain(new AbortController().signal)
    await page.waitForSelector('#connection[data-state="reconnecting"]')
    const { lookUps } = running
    await lookUps.publish(later(city, 5, ([first]) => Object.assign(first ?? {}, { bikes: 77 })))
    running = await startApi({ lookUps, port })
    await page.waitForSelector('#connection[data-state="connected"]')
    await expect.poll(() => rowOf(page, city.rows[0]?.station_id ?? '')).toContain('77')
    trouble = trouble.filter((text) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING/.test(text))
  })

  test('can be used by keyboard: sort, search, choose, change the horizon, move the map', async () => {
    await running.lookUps.publish(buildCity({ ts: Date.now() }))
    const page = await open()
    await page.waitForSelector('#table tbody tr[data-id]')
    const sortByNow = page.getByRole('button', { name: 'Bikes now, sort' })
    await sortByNow.focus()
    await page.keyboard.press('Enter')
    expect(await page.getAttribute('th[data-sort="bikes"]', 'aria-sort')).toBe('descending')
    const now = (await page.locator('td.now').allTextContents()).map(Number)
    expect(now).toEqual(now.toSorted((a, b) => b - a))
    await page.locator('tbody tr[data-id] button').first().focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    expect(await page.isVisible('#details')).toBe(true)
    const second = await page.locator('tbody tr[data-id] button').nth(1).textContent()
    expect(await page.textContent('#details h2')).toBe(second)
    await page.keyboard.press('Escape')
    expect(await page.isHidden('#details')).toBe(true)
    const whole = await mapColours(page)
    await page.getByRole('radio', { name: 'Now' }).focus()
    await page.keyboard.press('ArrowRight')
    expect(await page.isChecked('input[value="15"]')).toBe(true)
    await page.locator('#map').focus()
    await page.keyboard.press('+')
    await page.waitForTimeout(100)
    expect(await mapColours(page)).not.toEqual(whole)
  })

  test('a click on a station opens its card, and a pointer over it its name', async () => {
    await running.lookUps.publish(buildCity({ ts: Date.now(), stations: 1 }))
    const page = await open()
    await page.waitForSelector('#table tbody tr[data-id]')
    const box = await page.locator('#map').boundingBox()
    if (box === null) throw new Error('the map is drawn')
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    await page.waitForSelector('#tip:not([hidden])')
    expect(await page.textContent('#tip')).toContain('Châtelet – Nord')
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2)
    expect(await page.textContent('#details h2')).toBe('Châtelet – Nord')
  })

  test.each(['light', 'dark'] as const)(
    'fits a phone of 375 pixels without scrolling sideways, %s',
    async (colorScheme) => {
      await running.lookUps.publish(buildCity({ ts: Date.now(), stale: true }))
      const page = await open({ ...PHONE, colorScheme })
      await page.waitForSelector('#table tbody tr[data-id]')
      const widths = await page.evaluate(MEASURE_WIDTHS)
      expect(widths).toEqual({ page: 375, wide: 0 })
      await page.locator('tbody tr[data-id] button').first().tap()
      expect(await page.locator('#details').boundingBox()).toMatchObject({ x: 0, width: 375 })
    },
  )

  test('a name from a feed is text, whatever it holds', async () => {
    const city = buildCity({ ts: Date.now(), stations: 3 })
    const name = '<img src=x onerror="document.title=1"><script>1</script>'
    for (const row of city.rows) row.name = name
    await running.lookUps.publish(city)
    const page = await open()
    await page.locator('tbody tr[data-id] button').first().click()
    expect(await page.textContent('#details h2')).toBe(name)
    expect(await page.title()).toBe('River City · Velocast')
    expect(await page.locator('main img').count()).toBe(0)
  })
})
