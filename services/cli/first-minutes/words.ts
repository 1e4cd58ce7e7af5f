import type { FirstMinutesRecord } from '../../platform/run-ledger/first-minutes.ts'

/** A line of what a simulated city's first minutes are at. Times in the city's zone. */
export function sayFirstMinutes(record: FirstMinutesRecord, { timezone }: { timezone: string }): string {
  const { state, days, days_done, stations, city_stations, version, reason } = record
  const sample = `${stations} of ${city_stations} stations`
  switch (state) {
    case 'history':
      return days_done === 0
        ? `Learning from ${days} days of simulated history, ${sample}; persistence forecasts meanwhile (--no-history leaves it out).`
        : `Learning from ${days} days of simulated history: ${days_done} of ${days} days.`
    case 'training':
      return `History is made, training the first model: ${days} days, ${sample}.`
    case 'promoted':
      return `Model ${version} serves from ${timeIn(record.effective_from, timezone)}, trained on ${days} simulated days, ${sample}.`
    case 'refused':
      return `Persistence goes on forecasting, no model was promoted: ${reason}`
    case 'failed':
      return `Persistence goes on forecasting, the first model failed and is tried again by the next start: ${reason}`
  }
}

function timeIn(iso: string | null, timeZone: string): string {
  if (iso === null) return 'its promotion'
  const at = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone })
  return `${at.format(Date.parse(iso))} (${timeZone})`
}
