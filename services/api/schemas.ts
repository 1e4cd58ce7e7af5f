import { OBJECT_SYSTEM_PATTERN } from './artefact-path.ts'

/** JSON schemas of what the API takes and gives. Times named `*_utc` and `valid_until` are epoch ms, UTC. */

const number = { type: 'number' } as const
const integer = { type: 'integer' } as const
const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const numberOrNull = { type: ['number', 'null'] } as const
const integerOrNull = { type: ['integer', 'null'] } as const
const textOrNull = { type: ['string', 'null'] } as const

/** An object with exactly these properties, all of them there. */
function record<const Properties extends Record<string, unknown>>(properties: Properties, more = {}) {
  return { type: 'object', required: Object.keys(properties), properties, ...more } as const
}

const horizonForecast = record({
  horizon_min: integer,
  target_utc: { ...number, description: 'The bin used plus the horizon' },
  bikes_mean: number,
  bikes_median: integer,
  docks_mean: numberOrNull,
  docks_median: integerOrNull,
  bikes_q10: numberOrNull,
  bikes_q50: numberOrNull,
  bikes_q90: numberOrNull,
  p_bike: { ...numberOrNull, description: 'Probability of at least one bike, 0..1' },
  p_dock: { ...numberOrNull, description: 'Probability of at least one free dock, 0..1' },
  model_version: text,
})

const forecastFields = {
  system: text,
  station_id: text,
  poll_id: text,
  tbin_utc: { ...number, description: 'The five-minute bin that was used; nothing after it was read' },
  ts_utc: number,
  predicted_utc: number,
  valid_until: { ...number, description: 'From this time on the forecast must not be used' },
  stale: flag,
  bikes: integer,
  docks: integerOrNull,
  capacity: integerOrNull,
  horizons: { type: 'array', items: horizonForecast },
} as const

const stationFields = {
  system: text,
  station_id: text,
  name: textOrNull,
  lat: { ...numberOrNull, description: 'Degrees, WGS 84' },
  lon: { ...numberOrNull, description: 'Degrees, WGS 84' },
  capacity: integerOrNull,
  bikes: integerOrNull,
  docks: integerOrNull,
  mechanical: integer,
  ebike: integer,
  in_service: flag,
  ts_utc: { ...number, description: 'Event time of the values' },
  tbin_utc: number,
} as const

const state = { $ref: 'System#' } as const

const skill = {
  anyOf: [
    record({
      n: { ...integer, description: 'Rows that both were scored on' },
      mae_model: { ...numberOrNull, description: 'Of the rounded median, bikes' },
      mae_persistence: numberOrNull,
    }),
    { type: 'null' },
  ],
} as const

const firstMinutes = record({
  system: text,
  simulated: flag,
  seed: integer,
  state: { ...text, enum: ['history', 'training', 'promoted', 'refused', 'failed'] },
  stations: { ...integer, description: 'Stations of the simulated history' },
  city_stations: integer,
  days: integer,
  days_done: integer,
  from_utc: { ...text, description: 'ISO 8601, as all times of this object' },
  until_utc: text,
  stage: { ...textOrNull, description: 'What training is at' },
  share: { ...number, description: 'Of training, 0..1' },
  started_utc: text,
  finished_utc: textOrNull,
  run_id: textOrNull,
  version: textOrNull,
  effective_from: textOrNull,
  reason: { ...textOrNull, description: 'Why there is no new model' },
})

/** Schemas that the description names; answers refer to them. */
export const NAMED_SCHEMAS = [
  record(
    {
      system: text,
      source: { ...text, enum: ['live', 'replay', 'simulate'] },
      poll_id: text,
      outcome: { ...text, enum: ['ok', 'unchanged', 'not_modified', 'failed', 'refused'] },
      tbin_utc: number,
      ts_utc: { ...number, description: 'Event time of the newest data' },
      fetched_utc: number,
      stations: integer,
      stale: flag,
      withheld: { ...flag, description: 'The data is too old to forecast from: stations, but no forecasts' },
      horizons: { type: 'array', items: integer, description: 'Minutes' },
      model_versions: {
        type: 'object',
        additionalProperties: text,
        description: 'Version by horizon',
      },
      sequence: { ...integer, description: 'Grows with every publish' },
    },
    { $id: 'System' },
  ),
  record(
    {
      systems: {
        type: 'array',
        items: record({
          system: text,
          name: textOrNull,
          timezone: { ...text, description: 'IANA time zone' },
          state: { anyOf: [state, { type: 'null' }], description: 'Null until the first poll is in' },
        }),
      },
    },
    { $id: 'Systems' },
  ),
  record(stationFields, { $id: 'StationNow' }),
  record({ system: state, stations: { type: 'array', items: { $ref: 'StationNow#' } } }, { $id: 'Stations' }),
  record(forecastFields, { $id: 'Forecast' }),
  record(
    {
      ...stationFields,
      forecast: {
        anyOf: [{ $ref: 'Forecast#' }, { type: 'null' }],
        description: 'Null when withheld or no longer valid',
      },
    },
    { $id: 'Station' },
  ),
  record(
    {
      system: state,
      horizons: { type: 'array', items: integer, description: 'The horizons in this answer, minutes' },
      forecasts: { type: 'array', items: { $ref: 'Forecast#' }, description: 'Sorted by station id' },
    },
    { $id: 'Forecasts' },
  ),
  record(
    {
      run_id: text,
      system: text,
      location: { ...text, description: 'Where the record of the run will be' },
    },
    { $id: 'RunRequested' },
  ),
  record(
    {
      error: record({ code: text, message: text }),
      run_id: { ...text, description: 'The run that is asked for or at work' },
    },
    { $id: 'RunInProgress' },
  ),
  record(
    {
      system: text,
      version: { ...textOrNull, description: 'The newest promoted version' },
      effective_from: { ...numberOrNull, description: 'The first bin that it forecasts' },
      trained: {
        anyOf: [
          record({ from_utc: number, until_utc: number, stations: integer, rows: integer }),
          { type: 'null' },
        ],
      },
      horizons: {
        type: 'array',
        items: record({
          horizon_min: integer,
          gate: { ...skill, description: 'On the hold-out of the gate, before it served' },
          served: { ...skill, description: 'Of the forecasts that it served; null while none is scored' },
        }),
      },
      first_minutes: {
        anyOf: [firstMinutes, { type: 'null' }],
        description: 'How a simulated city learned its first model; null for any other system',
      },
    },
    { $id: 'ModelReport' },
  ),
  {
    $id: 'Artefact',
    description: 'A JSON document, byte for byte as its service wrote it',
  },
]

/** The responses of a route: its success, a named schema, and the errors that every route may give. */
export function answers(
  name: string,
  description: string,
  errors: (keyof typeof ERROR_WORDS)[],
  success: 200 | 202 = 200,
) {
  const json = (schema: string) => ({ content: { 'application/json': { schema: { $ref: `${schema}#` } } } })
  return {
    [success]: { description, ...json(name) },
    ...Object.fromEntries(
      errors.map((status) => [status, { description: ERROR_WORDS[status], ...json('Error') }]),
    ),
  }
}

/** What each error status means. */
const ERROR_WORDS = {
  400: 'The request is not valid: `request_invalid`',
  401: 'The request has no bearer token: `unauthenticated`',
  403: 'The token is another, or none is configured: `forbidden`',
  404: 'There is no such thing: `not_found`',
  503: 'A store cannot be reached, or no more streams may be opened; try again',
} as const

export const systemParams = record({
  system: { ...text, pattern: OBJECT_SYSTEM_PATTERN, description: 'System id' },
})
export const stationParams = record({
  ...systemParams.properties,
  station: { ...text, minLength: 1, description: 'Station id' },
})
export const runParams = record({
  ...systemParams.properties,
  run: { ...text, pattern: '^[0-9]{8}T[0-9]{6}Z-[a-z0-9]{1,16}$', description: 'Run id' },
})
export const trainBody = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    system: { ...text, pattern: OBJECT_SYSTEM_PATTERN, description: 'May be left out where there is one' },
  },
} as const
export const servingParams = record({
  ...systemParams.properties,
  horizon: { ...text, pattern: '^[0-9]{1,3}$', description: 'Horizon, minutes' },
})
export const artefactParams = record({
  ...systemParams.properties,
  '*': { ...text, description: 'Path below monitoring/' },
})
export const horizonQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    horizon: { ...integer, minimum: 1, maximum: 1440, description: 'Only this horizon, minutes' },
  },
} as const
export const noQuery = { type: 'object', additionalProperties: false, properties: {} } as const
