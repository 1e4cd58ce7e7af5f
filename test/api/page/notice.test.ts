import { expect, test } from 'vitest'
import { applyUpdate, type City } from '../../../services/api/page/city.ts'
import { noticeText } from '../../../services/api/page/notice.ts'

const NOW = 1_773_180_000_000
const MINUTE = 60_000

/** A city whose data is `age` old at its newest poll, which was `polled` ago. */
function cityOf({
  age,
  polled,
  source = 'live',
  ...flags
}: {
  age: number
  polled: number
  source?: string
  stale?: boolean
  withheld?: boolean
}): City {
  const fetched_utc = NOW - polled
  const state = {
    horizons: [15],
    ts_utc: fetched_utc - age,
    fetched_utc,
    source,
    stale: false,
    withheld: false,
  }
  const limits = { stale_after_s: 600, withhold_after_s: 3600 }
  const update = { ...limits, columns: [], rows: [], removed: [], full: true, state: { ...state, ...flags } }
  return applyUpdate({ before: null, update: update as never })
}

test.each([
  [
    'a poll a minute ago that brought nothing newer than the minute before',
    { age: MINUTE, polled: MINUTE },
    /^$/,
  ],
  [
    'a feed that is polled and stands still',
    { age: 12 * MINUTE, polled: MINUTE },
    /^The feed answers, but its data has stood still for 13 min\. Numbers/,
  ],
  ['a feed that is not polled', { age: 0, polled: 11 * MINUTE }, /^No poll of the feed for 11 min\. Numbers/],
  [
    'what the server calls stale in a city with a clock of its own',
    { age: 12 * MINUTE, polled: -60 * MINUTE, stale: true },
    /stood still for 12 min/,
  ],
  [
    'data past the limit',
    { age: 61 * MINUTE, polled: 0 },
    /^Forecasts are withheld: .*1 h 1 min old \(the limit is 1 h\)/,
  ],
  ['an old recording', { age: 0, polled: 1e10, source: 'replay' }, /^$/],
  [
    'a recording of a feed that stood still',
    { age: 0, polled: 1e10, source: 'replay', stale: true },
    /^In this recording the feed's data stands still\./,
  ],
  [
    'a recording that is too old within itself',
    { age: 0, polled: 1e10, source: 'replay', withheld: true },
    /^Forecasts are withheld: the newest data is too old to forecast from \(/,
  ],
])('%s', (_name, city, notice) => {
  expect(noticeText({ city: cityOf(city), now: NOW })).toMatch(notice)
})
