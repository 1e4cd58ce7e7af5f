import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../services/domain/bin.ts'
import { AHEAD_LIMIT_MS, eventTime } from '../../services/domain/event-time.ts'

const FETCHED = Date.UTC(2024, 10, 5, 8)

describe('event time', () => {
  test('is the published time up to 2 minutes after the fetch, then the fetch time, and refused beyond a day', () => {
    fc.assert(
      fc.property(fc.integer({ min: -30 * DAY_MS, max: 3 * DAY_MS }), (ahead) => {
        const times = { publishedUtc: FETCHED + ahead, fetchedUtc: FETCHED }
        if (ahead > DAY_MS) {
          expect(() => eventTime(times)).toThrow(
            expect.objectContaining({ code: 'feed_published_far_ahead' }),
          )
          return
        }
        const late = ahead > AHEAD_LIMIT_MS
        expect(eventTime(times)).toEqual({
          ts_utc: late ? FETCHED : FETCHED + ahead,
          ts_source: late ? 'fetched_ahead' : 'published',
          fetched_utc: FETCHED,
        })
      }),
      { examples: [[0], [AHEAD_LIMIT_MS], [AHEAD_LIMIT_MS + 1], [DAY_MS], [DAY_MS + 1]] },
    )
  })

  test('is the fetch time when no published time is stated', () => {
    expect(eventTime({ publishedUtc: null, fetchedUtc: FETCHED })).toEqual({
      ts_utc: FETCHED,
      ts_source: 'fetched_absent',
      fetched_utc: FETCHED,
    })
  })

  test('of a replay without fetch times is the published time, which stands in for the fetch', () => {
    expect(eventTime({ publishedUtc: FETCHED, fetchedUtc: null })).toEqual({
      ts_utc: FETCHED,
      ts_source: 'published',
      fetched_utc: FETCHED,
    })
    expect(() => eventTime({ publishedUtc: null, fetchedUtc: null })).toThrow(
      expect.objectContaining({ code: 'feed_malformed' }),
    )
  })
})
