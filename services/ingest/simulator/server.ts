import { createHash } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Clock, systemClock } from '../../platform/clock.ts'
import { VelocastError } from '../../platform/errors.ts'
import { MINUTE_MS } from './calendar.ts'
import type { CityOptions } from './city.ts'
import { type ActiveFault, activeFault, type Fault } from './faults.ts'
import {
  discoveryFile,
  type FeedBody,
  type GbfsVersion,
  stationInformationFile,
  stationStatusFile,
  systemInformationFile,
  TTL_SECONDS,
  vehicleTypesFile,
} from './gbfs-feed.ts'
import { openMeteoForecast } from './open-meteo.ts'
import { SimulatedTime } from './simulated-time.ts'
import { SnapshotSource } from './snapshot.ts'

export interface SimulatorOptions extends CityOptions {
  /** Default 0: a free one. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
  /** Default 2.3. */
  version?: GbfsVersion
  /** Simulated time at the start, epoch ms; the clock's by default. */
  start?: number
  /** Simulated seconds a second; default 1, 0 stands still until `advance`. */
  speed?: number
  faults?: readonly Fault[]
  clock?: Clock
}

export interface Simulator {
  url: string
  discoveryUrl: string
  /** Address of the Open-Meteo compatible forecast. */
  weatherUrl: string
  timezone: string
  centre: { lat: number; lon: number }
  /** Simulated time, epoch ms. */
  now(): number
  /** Moves simulated time on. */
  advance(ms: number): void
  /** Begins a fault now, or when it says. Throws `request_invalid`. */
  inject(fault: Fault): void
  clearFaults(): void
  close(): Promise<void>
}

interface Served {
  bytes: Buffer
  etag: string
  modified: number
}

const FEWEST_STATIONS = 2
const MOST_STATIONS = 100_000

const forecastQuery = z.object({
  latitude: z.coerce.number().min(-90).max(90),
  longitude: z.coerce.number().min(-180).max(180),
  past_days: z.coerce.number().int().min(0).max(92).default(0),
  forecast_days: z.coerce.number().int().min(0).max(16).default(7),
  wind_speed_unit: z.string().optional(),
  windspeed_unit: z.string().optional(),
})
const advanceBody = z.strictObject({ advance_ms: z.number().int().min(0) })

/**
 * Serves a simulated city as GBFS and as Open-Meteo. Every answer carries ETag and Last-Modified (simulated time) and
 * honours If-None-Match and If-Modified-Since with 304. Faults: POST /admin/faults (one), GET, DELETE (all);
 * POST /admin/clock {advance_ms}. Holds one encoded answer of each file. Throws `port_in_use`, `request_invalid`.
 */
export async function startSimulator({
  port = 0,
  host = '127.0.0.1',
  version = '2.3',
  clock = systemClock,
  start = clock.now(),
  speed = 1,
  faults = [],
  ...options
}: SimulatorOptions = {}): Promise<Simulator> {
  const { stations = 1_500 } = options
  if (!Number.isInteger(stations) || stations < FEWEST_STATIONS || stations > MOST_STATIONS) {
    throw new VelocastError({
      code: 'request_invalid',
      message: `stations of a simulated city must be ${FEWEST_STATIONS} to ${MOST_STATIONS}: ${stations}`,
    })
  }
  const time = new SimulatedTime({ clock, start, speed })
  const source = new SnapshotSource(options)
  const { city } = source
  const active: ActiveFault[] = []
  const inject = (fault: Fault): void => {
    active.push(faultOf(fault, time.now()))
  }
  for (const fault of faults) inject(fault)
  city.advanceTo(start)

  const app = Fastify({ logger: false, forceCloseConnections: true })
  const own = (request: FastifyRequest): string => `${request.protocol}://${request.host}`
  const minute = (): number => Math.floor(time.now() / MINUTE_MS) * MINUTE_MS
  const born = minute()
  const still = { version, published: born }

  app.get('/gbfs.json', (request, reply) =>
    send(request, reply, served(discoveryFile({ ...still, address: own(request) }), born)),
  )
  const files: Record<string, FeedBody> = {
    system_information: systemInformationFile({ ...still, timezone: city.timezone, seed: city.seed }),
    vehicle_types: vehicleTypesFile(still),
    station_information: stationInformationFile({ ...still, layout: city.layout }),
  }
  for (const [name, body] of Object.entries(files)) {
    const file = served(body, born)
    app.get(`/${name}.json`, (request, reply) => send(request, reply, file))
  }
  const ttlSeconds = speed === 0 ? 1 : Math.max(1, Math.floor(TTL_SECONDS / Math.max(1, speed)))
  const status = statusFile({ source, version, active, ttlSeconds })
  app.get('/station_status.json', (request, reply) => {
    const answer = status(minute())
    if (answer === 'error') return reply.code(500).send({ error: 'simulated fault' })
    if (answer !== 'missing') return send(request, reply, answer)
    reply.hijack()
    reply.raw.destroy()
  })
  app.get('/v1/forecast', (request, reply) => {
    const query = forecastQuery.safeParse(request.query)
    const body = query.success
      ? openMeteoForecast({
          city,
          issued: time.now(),
          query: {
            latitude: query.data.latitude,
            longitude: query.data.longitude,
            pastDays: query.data.past_days,
            forecastDays: query.data.forecast_days,
            windUnit: query.data.wind_speed_unit ?? query.data.windspeed_unit ?? 'kmh',
          },
        })
      : null
    if (body !== null) return reply.send(body)
    const reason = query.success ? 'wind_speed_unit must be ms, kmh, mph or kn' : z.prettifyError(query.error)
    return reply.code(400).send({ error: true, reason })
  })
  administrate({ app, active, inject, time })

  const url = await listen({ app, host, port })
  return {
    url,
    discoveryUrl: `${url}/gbfs.json`,
    weatherUrl: `${url}/v1/forecast`,
    timezone: city.timezone,
    centre: city.centre,
    now: () => time.now(),
    advance: (ms) => time.advance(ms),
    inject,
    clearFaults: () => {
      active.length = 0
    },
    close: () => app.close(),
  }
}

/** Answers of station_status by minute; the last one is kept until the minute or the faults change. */
function statusFile({
  source,
  version,
  active,
  ttlSeconds,
}: {
  source: SnapshotSource
  version: GbfsVersion
  active: readonly ActiveFault[]
  ttlSeconds: number
}): (minute: number) => Served | 'error' | 'missing' {
  let kept: { key: string; answer: Served } | null = null
  return (minute) => {
    const key = `${minute} ${JSON.stringify(active)}`
    if (kept?.key === key) return kept.answer
    const meeting = source.meet({ faults: active, time: minute, stepMs: TTL_SECONDS * 1000 })
    if (meeting.kind !== 'answer') return meeting.kind
    const body = stationStatusFile({ version, ...meeting, ttlSeconds })
    kept = { key, answer: served(body, meeting.snapshot.published_utc) }
    return kept.answer
  }
}

function administrate({
  app,
  active,
  inject,
  time,
}: {
  app: FastifyInstance
  active: ActiveFault[]
  inject: (fault: Fault) => void
  time: SimulatedTime
}): void {
  const refuse = (reply: FastifyReply, error: unknown): FastifyReply =>
    reply.code(400).send({ code: 'request_invalid', message: String((error as Error).message) })
  app.get('/admin/faults', () => ({ now: time.now(), faults: active }))
  app.post('/admin/faults', (request, reply) => {
    try {
      inject(request.body as Fault)
      return reply.code(201).send({ now: time.now(), faults: active })
    } catch (error) {
      return refuse(reply, error)
    }
  })
  app.delete('/admin/faults', (_request, reply) => {
    active.length = 0
    return reply.code(204).send()
  })
  app.post('/admin/clock', (request, reply) => {
    const body = advanceBody.safeParse(request.body)
    if (!body.success) return refuse(reply, new Error(z.prettifyError(body.error)))
    time.advance(body.data.advance_ms)
    return reply.send({ now: time.now() })
  })
}

function faultOf(fault: Fault, now: number): ActiveFault {
  try {
    return activeFault(fault, now)
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)
    throw new VelocastError({
      code: 'request_invalid',
      message: `fault must be one of those in docs/simulator.md: ${reason}`,
      cause,
    })
  }
}

function served(body: FeedBody, modified: number): Served {
  const bytes = Buffer.from(JSON.stringify(body))
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`, modified }
}

function send(request: FastifyRequest, reply: FastifyReply, { bytes, etag, modified }: Served): FastifyReply {
  reply.header('etag', etag)
  reply.header('last-modified', new Date(modified).toUTCString())
  const matches = request.headers['if-none-match']
  const since = Date.parse(request.headers['if-modified-since'] ?? '')
  const unchanged =
    matches === undefined
      ? since >= modified
      : matches.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
  if (unchanged) return reply.code(304).send()
  return reply.type('application/json; charset=utf-8').send(bytes)
}

async function listen({
  app,
  host,
  port,
}: {
  app: FastifyInstance
  host: string
  port: number
}): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    await app.close()
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new VelocastError({
      code: 'port_in_use',
      message: `simulator can't listen: choose another port or stop what listens there, got ${host}:${port}`,
      cause,
    })
  }
}
