import { expect, test } from 'vitest'
import {
  ageWords,
  count,
  distance,
  durationWords,
  modelWords,
  momentWords,
  percent,
  signed,
  zoneCity,
} from '../../../services/api/page/format.ts'

test.each([
  [-3, 'just now'],
  [1.9, 'just now'],
  [32, '32 s ago'],
  [100, '1 min ago'],
  [3599, '59 min ago'],
  [7500, '2 h 5 min ago'],
  [10_800, '3 h ago'],
  [3 * 86_400, '3 days ago'],
])('%d seconds are %s', (seconds, words) => {
  expect(ageWords(seconds)).toBe(words)
})

test('a moment is told in the system’s time, and in the reader’s where that differs', () => {
  const utc = Date.UTC(2025, 11, 16, 18, 0, 5)
  const now = utc + 30_000
  const paris = 'Europe/Paris'
  expect(momentWords({ utc, now, zone: paris, readerZone: 'Europe/Berlin' })).toBe('19:00:05 Paris')
  expect(momentWords({ utc, now, zone: paris, readerZone: 'America/New_York' })).toBe(
    '19:00:05 Paris (13:00:05 yours)',
  )
  expect(momentWords({ utc, now: now + 86_400_000, zone: paris, readerZone: paris })).toBe(
    '16 Dec 2025, 19:00:05 Paris',
  )
})

test('numbers that are not known are a dash', () => {
  expect([count(null), signed(null), percent(null)]).toEqual(['–', '–', '–'])
  expect([count(12_345), signed(3), signed(-2), signed(0), percent(0.256)]).toEqual([
    '12,345',
    '+3',
    '−2',
    '0',
    '26 %',
  ])
})

test('lengths and durations are in the unit that suits them', () => {
  expect([distance(500), distance(2000), durationWords(600), durationWords(3600)]).toEqual([
    '500 m',
    '2 km',
    '10 min',
    '1 h',
  ])
  expect(zoneCity('America/New_York')).toBe('New York')
})

test('models are named once when all horizons share one', () => {
  expect(modelWords({})).toBe('–')
  expect(modelWords({ 15: 'gbm 1.2.0', 60: 'gbm 1.2.0' })).toBe('gbm 1.2.0')
  expect(modelWords({ 15: 'gbm 1.2.0', 30: 'gbm 1.2.0', 60: 'persistence 1' })).toBe(
    'gbm 1.2.0 (15, 30) · persistence 1 (60)',
  )
})
