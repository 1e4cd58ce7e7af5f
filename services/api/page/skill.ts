import type { ModelReport, SkillFigures } from '../model-report.ts'
import { count, zoneCity } from './format.ts'

/** A horizon's error beside that of persistence, as words. */
export interface SkillLine {
  horizon: number
  model: string
  persistence: string
  /** `−6.0 %`: how much smaller (or larger, `+`) the model's error is. */
  change: string
  better: boolean
  /** What it was measured on. */
  measured: string
}

/** What the page says of the model; null when there is nothing to say. */
export interface SkillWords {
  status: string
  /** What it was trained on; empty before there is a model. */
  trained: string
  lines: SkillLine[]
}

/**
 * The model against persistence. `simulated`: its data is a made-up city's, and that is said wherever figures stand.
 * `served` are the versions that made the newest forecasts; `zone` is the system's, an IANA name.
 */
export function skillWords({
  report,
  simulated,
  served,
  zone,
}: {
  report: ModelReport
  simulated: boolean
  served: readonly string[]
  zone: string
}): SkillWords | null {
  const { version, effective_from, first_minutes: first } = report
  if (version === null || effective_from === null) {
    return first === null ? null : { status: learningWords(first), trained: '', lines: [] }
  }
  const serves = served.some((name) => name.split('@').at(-1) === version)
  return {
    status: `Model ${version} ${serves ? 'serves since' : 'serves from'} ${clockTime(effective_from, zone)} ${zoneCity(zone)}`,
    trained: trainedWords({ report, simulated }),
    lines: report.horizons.flatMap(({ horizon_min, gate, served: scored }) => {
      const line = lineOf({ horizon: horizon_min, figures: scored ?? gate, isServed: scored !== null })
      return line === null ? [] : [line]
    }),
  }
}

function learningWords(first: NonNullable<ModelReport['first_minutes']>): string {
  const { state, days, days_done, stations, city_stations, share, reason } = first
  const sample = `${count(stations)} of ${count(city_stations)} stations`
  switch (state) {
    case 'history':
      return `Learning from ${days} days of simulated history, ${sample}: ${days_done} of ${days} days. Persistence forecasts meanwhile.`
    case 'training':
    case 'promoted':
      return `Training on ${days} days of simulated history, ${sample}: ${Math.floor(share * 100)} %. Persistence forecasts meanwhile.`
    case 'refused':
      return `Persistence forecasts: no model was promoted. ${reason ?? ''}`
    case 'failed':
      return `Persistence forecasts: the first model failed. ${reason ?? ''}`
  }
}

function trainedWords({ report, simulated }: { report: ModelReport; simulated: boolean }): string {
  const { trained, first_minutes: first, version } = report
  if (trained === null) return ''
  const { from_utc, until_utc, stations } = trained
  const days = Math.round((until_utc - from_utc) / 86_400_000)
  const city = first !== null && learnedBy(first, version) ? ` of ${count(first.city_stations)}` : ''
  const span = `${day(from_utc)} to ${day(until_utc - 1)}`
  const words = `Trained on ${count(stations)}${city} stations, ${days} ${simulated ? 'simulated ' : ''}days, ${span}.`
  return simulated ? `${words} Simulated: these figures say nothing about a real city.` : words
}

/** Whether a version came of the first minutes: it is in force a moment before their record names it. */
function learnedBy(first: NonNullable<ModelReport['first_minutes']>, version: string | null): boolean {
  return first.state === 'training' || first.version === version
}

function lineOf({
  horizon,
  figures,
  isServed,
}: {
  horizon: number
  figures: SkillFigures | null
  isServed: boolean
}): SkillLine | null {
  if (figures === null || figures.mae_model === null || figures.mae_persistence === null) return null
  const { n, mae_model, mae_persistence } = figures
  const change = mae_persistence === 0 ? 0 : (mae_model / mae_persistence - 1) * 100
  return {
    horizon,
    model: mae_model.toFixed(3),
    persistence: mae_persistence.toFixed(3),
    change: `${change > 0 ? '+' : '−'}${Math.abs(change).toFixed(1)} %`,
    better: change < 0,
    measured: isServed ? `${count(n)} forecasts served` : `${count(n)} rows of hold-out, before it served`,
  }
}

function clockTime(utc: number, zone: string): string {
  return new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone: zone }).format(utc)
}

/** Days of training data are of UTC, as its files are. */
function day(utc: number): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(utc)
}
