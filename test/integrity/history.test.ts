/**
 * Guards against a judge that lets through what it is there to find: a checker of histories that calls a broken one
 * whole makes every other promise here worthless.
 */
import { describe, expect, test } from 'vitest'
import { type Found, type FoundRow, judge, type Rule, type SentPoll, summary } from './history.ts'

const START = Date.UTC(2026, 2, 10, 12)
const MINUTE = 60_000
const system = 'town'

function poll(minute: number, bikes: number, change: Partial<SentPoll> = {}): SentPoll {
  const published_utc = START + minute * MINUTE
  const stations = ['a', 'b'].map((station_id) => ({ station_id, bikes, docks: 20 - bikes, ebike: 1 }))
  return {
    system,
    published_utc,
    fetched_utc: published_utc + 5_000,
    content: `${minute} ${bikes}`,
    stations,
    ...change,
  }
}

function rowsOf({ published_utc, fetched_utc, stations }: SentPoll): FoundRow[] {
  const ts_utc = published_utc ?? fetched_utc
  const tbin_utc = Math.floor(ts_utc / (5 * MINUTE)) * 5 * MINUTE
  return stations.map((station) => ({ system, ts_utc, tbin_utc, fetched_utc, ...station }))
}

const EARLY = poll(1, 3)
const LAST = poll(4, 5)
const NEXT = poll(6, 7)
const REPEATED = { ...NEXT, fetched_utc: NEXT.fetched_utc + 2 * MINUTE }
const sent = [EARLY, LAST, NEXT, REPEATED]

function found(change: Partial<Found> = {}): Found {
  const ok = (of: SentPoll) => ({
    system,
    poll_id: of.content,
    outcome: 'ok',
    fetched_utc: of.fetched_utc,
    rows: 2,
  })
  return {
    daily: rowsOf(LAST),
    parts: rowsOf(NEXT),
    polls: [
      ok(EARLY),
      ok(LAST),
      ok(NEXT),
      { ...ok(REPEATED), poll_id: 'again', outcome: 'unchanged', rows: 0 },
    ],
    windows: [...rowsOf(LAST), ...rowsOf(NEXT)],
    contents: { 'town/daily/one.parquet': 'abc' },
    ...change,
  }
}

const reference = found().contents

function rules(change: Partial<Found>, of: readonly SentPoll[] = sent): Rule[] {
  return [...new Set(judge({ sent: of, found: found(change), reference }).map(({ rule }) => rule))]
}

describe('the judge of histories', () => {
  test('calls a whole history whole, repeated parts and repeated polls included', () => {
    expect(rules({})).toEqual([])
    expect(rules({ parts: [...rowsOf(NEXT), ...rowsOf(NEXT), ...rowsOf(EARLY)] })).toEqual([])
    expect(rules({ polls: [...found().polls, ...found().polls] })).toEqual([])
  })

  const whole = found()
  const broken: [name: string, change: Partial<Found>, rule: Rule][] = [
    ['a row that is missing', { daily: whole.daily.slice(1) }, 'lost'],
    ['a part that is missing', { parts: [] }, 'lost'],
    ['a row that is there twice', { daily: [...whole.daily, whole.daily[0]!] }, 'twice'],
    [
      'a station that nobody sent',
      { parts: [...whole.parts, { ...whole.parts[0]!, station_id: 'c' }] },
      'foreign',
    ],
    [
      'a system that nobody sent',
      { parts: [...whole.parts, { ...whole.parts[0]!, system: 'x' }] },
      'foreign',
    ],
    ['a bin that nobody sent', { daily: [...whole.daily, { ...whole.daily[0]!, tbin_utc: 0 }] }, 'foreign'],
    ['an observation that is not the last', { daily: rowsOf(EARLY) }, 'not the last'],
    ['a value that is another', { parts: rowsOf(NEXT).map((row) => ({ ...row, bikes: 1 })) }, 'not the last'],
    ['a fetch that is another', { parts: rowsOf(REPEATED) }, 'not the last'],
    ['a poll that is missing', { polls: whole.polls.slice(1) }, 'poll lost'],
    [
      'a poll that nobody made',
      { polls: [...whole.polls, { ...whole.polls[0]!, fetched_utc: 1 }] },
      'poll foreign',
    ],
    [
      'a poll whose rows are not those it brought',
      { polls: whole.polls.map((one, place) => (place === 1 ? { ...one, rows: 1 } : one)) },
      'poll contradicts itself',
    ],
    [
      'a poll that is told in two ways',
      { polls: [...whole.polls, { ...whole.polls[0]!, poll_id: 'another' }] },
      'poll contradicts itself',
    ],
    ['a slot that is missing', { windows: whole.windows.slice(1) }, 'window lost'],
    ['a slot that is not the last', { windows: [...rowsOf(EARLY), ...rowsOf(NEXT)] }, 'window not the last'],
    [
      'a slot that nobody sent',
      { windows: [...whole.windows, { ...whole.windows[0]!, tbin_utc: 0 }] },
      'window foreign',
    ],
    ['a file that is missing', { contents: {} }, 'content lost'],
    ['a file that is another', { contents: { 'town/daily/one.parquet': 'abd' } }, 'content differs'],
    ['a file too many', { contents: { ...reference, 'town/daily/two.parquet': 'abc' } }, 'content foreign'],
  ]
  test.each(broken)('finds %s', (_name, change, rule) => {
    expect(rules(change)).toContain(rule)
  })

  test('takes the fetch as event time where the published time is absent or more than two minutes ahead of it', () => {
    const ahead = poll(20, 4, { fetched_utc: START + 17 * MINUTE })
    const absent = poll(30, 6, { published_utc: null })
    const rows = (of: SentPoll): FoundRow[] => rowsOf({ ...of, published_utc: null })
    const given = { daily: [], parts: [...rows(ahead), ...rows(absent)] }
    const windows = given.parts
    const polls = [ahead, absent].map((of) => ({
      system,
      poll_id: '',
      outcome: 'ok',
      fetched_utc: of.fetched_utc,
      rows: 2,
    }))
    expect(rules({ ...given, windows, polls }, [ahead, absent])).toEqual([])
  })

  test('expects nothing of a poll that is published more than a day ahead', () => {
    const tomorrow = poll(2 * 1440, 4, { fetched_utc: START })
    const polls = [{ system, poll_id: '', outcome: 'refused', fetched_utc: START, rows: 0 }]
    expect(rules({ daily: [], parts: [], windows: [], polls }, [tomorrow])).toEqual([])
    expect(rules({ daily: [], parts: rowsOf(tomorrow), windows: [], polls }, [tomorrow])).toEqual(['foreign'])
  })

  test('expects of windows their newest 49 bins, and lets older slots stand', () => {
    const many = Array.from({ length: 60 }, (_, place) => poll(5 * place, place % 9))
    const all = many.flatMap(rowsOf)
    const polls = many.map((of) => ({
      system,
      poll_id: '',
      outcome: 'ok',
      fetched_utc: of.fetched_utc,
      rows: 2,
    }))
    const given = { daily: all, parts: [], polls }
    expect(rules({ ...given, windows: all }, many)).toEqual([])
    expect(rules({ ...given, windows: all.slice(2 * 11) }, many)).toEqual([])
    expect(rules({ ...given, windows: all.slice(2 * 12) }, many)).toEqual(['window lost'])
  })

  test('sums up by rule, with the first places of each', () => {
    const violations = judge({ sent, found: found({ daily: [], contents: {} }), reference })
    expect(summary(violations)).toEqual({
      lost: '2: town/a 2026-03-10T12:00:00.000Z, town/b 2026-03-10T12:00:00.000Z',
      'content lost': '1: town/daily/one.parquet',
    })
  })
})
