import { describe, expect, test } from 'vitest'
import { parseDiscovery } from '../../../services/domain/gbfs/discovery.ts'
import { readJson } from '../../../services/domain/gbfs/envelope.ts'
import { parseInformation } from '../../../services/domain/gbfs/information.ts'

const information = (stations: unknown[]): unknown => ({ last_updated: 1, ttl: 60, data: { stations } })

describe('information', () => {
  test('what can’t be read of a station is null and the station stays', () => {
    const { stations } = parseInformation(
      information([{ station_id: 1, name: ' ', lat: 'north', lon: 200, capacity: -4, region_id: 7 }]),
    )
    expect(stations).toEqual([
      { station_id: '1', name: null, lat: null, lon: null, capacity: null, region_id: '7' },
    ])
  })

  test('a capacity of 0 stays 0', () => {
    expect(parseInformation(information([{ station_id: 'a', capacity: 0 }])).stations[0]?.capacity).toBe(0)
  })

  test('of localized names the language asked for is taken, else English, else the first', () => {
    const name = [
      { text: 'Gare', language: 'fr' },
      { text: 'Station', language: 'en' },
    ]
    const read = (value: unknown, language?: string) =>
      parseInformation(
        information([{ station_id: 'a', name: value }]),
        language === undefined ? {} : { language },
      ).stations[0]?.name
    expect(read(name, 'fr')).toBe('Gare')
    expect(read(name)).toBe('Station')
    expect(read([name[0]])).toBe('Gare')
    expect(read([])).toBeNull()
  })

  test('a station without id and one named again are refused', () => {
    const { stations, refused } = parseInformation(
      information([{ station_id: 'a', name: 'first' }, { name: 'lost' }, { station_id: 'a', name: 'again' }]),
    )
    expect(stations.map(({ name }) => name)).toEqual(['first'])
    expect(refused.map(({ reason, station_id }) => [reason, station_id])).toEqual([
      ['station_id_missing', null],
      ['station_duplicate', 'a'],
    ])
  })
})

describe('discovery', () => {
  const url = (name: string, host = 'example.org') => ({ name, url: `https://${host}/${name}.json` })
  const both = (host: string) => [url('station_status', host), url('station_information', host)]

  test('languages (1.x, 2.x) and flat feeds (3.0) give the same addresses', () => {
    const byLanguage = parseDiscovery({ ttl: 5, data: { en: { feeds: both('a.org') } } })
    const flat = parseDiscovery({ ttl: 5, version: '3.0', data: { feeds: both('a.org') } })
    expect(byLanguage.status_url).toBe('https://a.org/station_status.json')
    expect(flat).toEqual({ ...byLanguage, language: null, version: '3.0' })
  })

  test('the language that has status and information is taken, the one asked for first, then English', () => {
    const data = {
      de: { feeds: both('de.org') },
      en: { feeds: [url('station_status', 'en.org')] },
      fr: { feeds: both('fr.org') },
    }
    expect(parseDiscovery({ data }).language).toBe('de')
    expect(parseDiscovery({ data }, { languages: ['fr'] }).language).toBe('fr')
    expect(parseDiscovery({ data: { ...data, en: { feeds: both('en.org') } } }).language).toBe('en')
  })

  test('a system without stations is refused with a clear reason', () => {
    expect(() => parseDiscovery({ data: { en: { feeds: [url('free_bike_status')] } } })).toThrow(
      expect.objectContaining({
        code: 'feed_no_stations',
        message: expect.stringContaining('free_bike_status'),
      }),
    )
  })

  test.each([[{}], [{ data: {} }], [{ data: { en: { feeds: 'none' } } }], [null]])(
    'what names no feeds is malformed',
    (json) => {
      expect(() => parseDiscovery(json)).toThrow(expect.objectContaining({ code: 'feed_malformed' }))
    },
  )

  test('an address that is no web address does not count', () => {
    const feeds = [{ name: 'station_status', url: 'file:///etc/passwd' }, ...both('a.org')]
    expect(parseDiscovery({ data: { feeds } }).status_url).toBe('https://a.org/station_status.json')
  })

  test('vehicle types are named where there are some', () => {
    const feeds = [...both('a.org'), url('vehicle_types')]
    expect(parseDiscovery({ data: { feeds } }).vehicle_types_url).toBe(
      'https://example.org/vehicle_types.json',
    )
  })
})

test('a byte order mark is no fault, and a body that is no JSON says how it begins', () => {
  expect(readJson(Buffer.from('\uFEFF{"a":1}'))).toEqual({ a: 1 })
  expect(() => readJson(Buffer.from('<html>Sorry'))).toThrow(
    expect.objectContaining({ code: 'feed_malformed', message: expect.stringContaining('<html>Sorry') }),
  )
})
