import { type City, freshness } from './city.ts'
import { durationWords } from './format.ts'

/**
 * What must be said of the data at `now` (epoch ms): why forecasts are withheld, whether a feed answers with the same
 * data again and again or is not polled at all. Empty while the data can be trusted.
 */
export function noticeText({ city, now }: { city: City; now: number }): string {
  const { ageS, stale, withheld } = freshness({ city, now })
  const { state, stale_after_s, withhold_after_s } = city.update
  if (state === null || !stale) return ''
  const isReplay = state.source === 'replay'
  if (withheld) {
    const age = isReplay ? '' : `, ${durationWords(ageS)} old`
    return `Forecasts are withheld: the newest data is too old to forecast from${age} (the limit is ${durationWords(withhold_after_s)}). Stations show their last known state.`
  }
  const doubt = 'Numbers and forecasts may be out of date.'
  if (isReplay) return `In this recording the feed's data stands still. ${doubt}`
  const silentS = (now - state.fetched_utc) / 1000
  return silentS >= stale_after_s
    ? `No poll of the feed for ${durationWords(silentS)}. ${doubt}`
    : `The feed answers, but its data has stood still for ${durationWords(ageS)}. ${doubt}`
}
