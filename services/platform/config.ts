import { z } from 'zod'
import { isTimezone } from '../domain/calendar.ts'
import { isStorageRoot, STORAGE_ROOT_RULE } from './object-store/root.ts'
import { isSchedule, SCHEDULE_RULE } from './schedule/schedule.ts'

const path = z.string().min(1)
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an address like http://host:port' })
const broker = z.string().regex(/^(\[[\da-f:.]+\]|[^\s:/[\]]+):\d{1,5}$/i, 'must be host:port')
const schedule = z.string().refine(isSchedule, SCHEDULE_RULE)
const storageRoot = z.string().refine(isStorageRoot, STORAGE_ROOT_RULE)

const weatherPoint = z.strictObject({
  lat: z.number().min(-90).max(90),
  lon: z.number().min(-180).max(180),
})

/** One bikeshare system. Either `discovery_url` (gbfs.json) or both `status_url` and `information_url`. */
const systemSchema = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and hyphens, at most 63')
      .describe('Short name; part of keys and paths'),
    name: z.string().optional().describe('Name for people'),
    discovery_url: z.url().optional().describe('Address of gbfs.json'),
    status_url: z.url().optional().describe('Address of station_status.json, instead of discovery'),
    information_url: z.url().optional().describe('Address of station_information.json, instead of discovery'),
    timezone: z
      .string()
      .refine(isTimezone, 'must be an IANA time zone such as Europe/Paris')
      .default('UTC')
      .describe('IANA time zone of the local calendar'),
    weather: weatherPoint.nullable().default(null).describe('Point of the weather, degrees; null for none'),
    poll_seconds: z.number().int().min(5).max(3600).default(60).describe('Seconds between polls'),
  })
  .refine(
    (system) =>
      system.discovery_url !== undefined ||
      (system.status_url !== undefined && system.information_url !== undefined),
    {
      message: 'needs discovery_url, or status_url and information_url',
    },
  )

const DEFAULT_SYSTEM = {
  id: 'velib',
  name: "Vélib' Métropole",
  discovery_url: 'https://velib-metropole-opendata.smovengo.cloud/opendata/Velib_Metropole/gbfs.json',
  timezone: 'Europe/Paris',
  weather: { lat: 48.8566, lon: 2.3522 },
  poll_seconds: 60,
}

/** The one configuration of Velocast: parsing, defaults, `velocast config` and the table in the docs come from it. */
export const configSchema = z.strictObject({
  systems: z
    .array(systemSchema)
    .min(1)
    .default([systemSchema.parse(DEFAULT_SYSTEM)])
    .describe('Systems to follow'),
  horizons: z
    .array(z.number().int().min(5).max(240).multipleOf(5))
    .min(1)
    .default([15, 60])
    .describe('Forecast horizons, minutes'),
  data: path
    .default('data')
    .describe('Local directory: embedded log, and objects unless storage.root is set'),
  log: z
    .strictObject({
      kind: z
        .enum(['embedded', 'kafka'])
        .default('embedded')
        .describe('embedded: one SQLite file; kafka: brokers'),
      brokers: z.array(broker).default([]).describe('Kafka brokers, host:port'),
      partitions: z.number().int().min(1).max(1000).default(12).describe('Partitions of each topic'),
      replication: z.number().int().min(1).max(9).default(1).describe('Replicas of each topic on Kafka'),
      ssl: z.boolean().default(false).describe('Talk TLS to the brokers'),
      username: z.string().optional().describe('SASL user'),
      password: z.string().optional().meta({ secret: true }).describe('SASL password'),
      mechanism: z
        .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
        .default('scram-sha-512')
        .describe('SASL mechanism'),
      session_timeout_ms: z
        .number()
        .int()
        .min(1000)
        .default(30000)
        .describe('A consumer silent for this long loses its partitions'),
      connect_limit_ms: z
        .number()
        .int()
        .min(0)
        .default(60000)
        .describe('Brokers that do not answer at the start are waited for this long'),
    })
    .prefault({}),
  registry: z
    .strictObject({
      url: httpUrl.optional().describe('Confluent-compatible schema registry; needed with log.kind kafka'),
      username: z.string().optional().describe('User of the registry'),
      password: z.string().optional().meta({ secret: true }).describe('Password of the registry'),
    })
    .prefault({}),
  redis: z
    .strictObject({
      url: z
        .url({ protocol: /^rediss?$/, error: 'must be redis://host:port or rediss://host:port' })
        .optional()
        .meta({ secret: true })
        .describe('redis:// or rediss:// address; without it windows and look-ups are in memory'),
      window_ttl_hours: z.number().min(5).default(12).describe('Hours a window outlives its last write'),
    })
    .prefault({}),
  storage: z
    .strictObject({
      root: storageRoot.optional().describe('gs://bucket/prefix or a directory; default <data>/store'),
      mirror: storageRoot.optional().describe('A second root that gets every object too'),
      gcs_endpoint: httpUrl.optional().describe('Address of a GCS emulator'),
    })
    .prefault({}),
  ingest: z
    .strictObject({
      timeout_ms: z.number().int().min(100).default(20000).describe('A request must be answered by then'),
      retries: z
        .number()
        .int()
        .min(0)
        .max(10)
        .default(4)
        .describe('Tries after the first for 429, 5xx and lost connections'),
      max_bytes: z
        .number()
        .int()
        .min(1024)
        .default(64 * 1024 * 1024)
        .describe('Largest answer that is read'),
      max_redirects: z.number().int().min(0).max(10).default(3).describe('Redirects that are followed'),
      weather_url: httpUrl
        .default('https://api.open-meteo.com/v1/forecast')
        .describe('Open-Meteo forecast endpoint'),
      weather_seconds: z.number().int().min(60).default(900).describe('Seconds between weather requests'),
    })
    .prefault({}),
  forecast: z
    .strictObject({
      stale_minutes: z
        .number()
        .int()
        .min(1)
        .default(10)
        .describe('Data older than this marks forecasts stale'),
      withhold_minutes: z
        .number()
        .int()
        .min(1)
        .default(60)
        .describe('Data older than this is not forecast from'),
      look_up_ttl_seconds: z
        .number()
        .int()
        .min(60)
        .default(7200)
        .describe('Seconds a look-up outlives its last write'),
      model_check_seconds: z
        .number()
        .int()
        .min(1)
        .default(30)
        .describe('Seconds between checks for a new model'),
      sample_share: z
        .number()
        .min(0)
        .max(1)
        .default(0.02)
        .describe("Share of the stations whose forecast records carry the models' inputs"),
    })
    .prefault({}),
  sink: z
    .strictObject({
      keep_dailies: z
        .boolean()
        .default(true)
        .describe('Keep daily files after their month closed (KEEP_DAILIES)'),
      purge_bronze: z.boolean().default(true).describe('Delete verified bronze parts of a compacted day'),
      due_hours: z
        .number()
        .min(0)
        .default(2)
        .describe('A day is due when the watermark passes its end by this'),
      schedule: schedule.default('*/10 * * * *').describe('Cron expression of the compaction check'),
    })
    .prefault({}),
  monitor: z
    .strictObject({
      window_days: z.number().int().min(1).default(7).describe('Days that health and drift look at'),
      reference_days: z
        .number()
        .int()
        .min(1)
        .default(28)
        .describe('Days before them that drift compares with'),
    })
    .prefault({}),
  train: z
    .strictObject({
      schedule: schedule
        .or(z.literal('off'))
        .default('0 2 1 * *')
        .describe("Cron expression of retraining, in each system's time zone; off for never"),
      token: z
        .string()
        .min(16)
        .optional()
        .meta({ secret: true })
        .describe('Bearer token of POST /v1/train; without one the route refuses everybody'),
      days: z.number().int().min(2).max(730).default(90).describe('Newest days that are trained on'),
      min_days: z
        .number()
        .int()
        .min(3)
        .default(7)
        .describe('Days with half of their bins that training needs; fewer end the run as aborted'),
      holdout_days: z
        .number()
        .int()
        .min(2)
        .default(7)
        .describe('Last days that judge a new model before it may serve; at most a fifth of all'),
      max_rows: z
        .number()
        .int()
        .min(1000)
        .default(1_000_000)
        .describe('Rows that a model is trained on; more are thinned evenly'),
      rounds: z.number().int().min(1).max(5000).default(400).describe('Trees of an ensemble at most'),
      threads: z.number().int().min(1).max(64).default(2).describe('Threads of the trainer'),
      carry_minutes: z
        .number()
        .int()
        .min(0)
        .max(240)
        .default(0)
        .describe(
          'Minutes an observation stands in for empty bins after it: for feeds slower than 5 minutes',
        ),
      cooldown_days: z
        .number()
        .min(0)
        .default(7)
        .describe('Days after any run in which drift and decay start none'),
      drift_psi: z.number().min(0).default(0.25).describe('PSI of occupancy from which drift starts a run'),
      decay_share: z
        .number()
        .min(0)
        .max(1)
        .default(0.5)
        .describe("Share of the gate's lift that served forecasts must keep; below it a run starts"),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Address that HTTP listens on'),
      port: z.number().int().min(0).max(65535).default(8080).describe('0 takes a free one'),
    })
    .prefault({}),
  logging: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('Least level that is logged'),
      format: z.enum(['auto', 'json', 'pretty']).default('auto').describe('auto: pretty on a terminal'),
    })
    .prefault({}),
})

export type Config = z.infer<typeof configSchema>
export type SystemConfig = Config['systems'][number]
