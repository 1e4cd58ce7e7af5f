import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import yauzl from 'yauzl'
import { recordCity, writeRecording } from '../../services/ingest/simulator/record.ts'
import type { Recorded, RecordedPoll } from './expected-rows.ts'

export interface Recording extends Recorded {
  system: string
  from: string
  information: string
  timezone: string
}

/** Bay Wheels has files that are named .gz and are not. */
const GZIP_MAGIC = 0x1f8b
const TOKYO_HOURS = 9
const HOUR_MS = 3_600_000

/** Bay Wheels: one gzip a poll, its name the published time in UTC; no fetch time was recorded. */
export function baywheels(data: string): Recording {
  const from = join(data, 'baywheels', 'raw')
  const information = join(data, 'baywheels', 'raw_information')
  const read = (directory: string, name: string): Buffer => unpacked(readFileSync(join(directory, name)))
  return {
    system: 'baywheels',
    from,
    information,
    timezone: 'America/Los_Angeles',
    polls: names(from).map((name) => ({ body: read(from, name), fetched: null })),
    described: names(information)
      .filter((name) => name.startsWith('station_information'))
      .map((name) => ({ body: read(information, name), from: utcInName(name) })),
    weather: [],
  }
}

/** Docomo: a zip an hour, a member a poll, its name the fetch time in Tokyo. */
export async function docomo(data: string): Promise<Recording> {
  const from = join(data, 'docomo-tokyo', 'raw_zips')
  const information = join(data, 'docomo-tokyo', 'station_information.json')
  const polls: RecordedPoll[] = []
  for (const name of names(from)) polls.push(...(await members(join(from, name))))
  return {
    system: 'docomo',
    from,
    information,
    timezone: 'Asia/Tokyo',
    polls,
    described: [{ body: readFileSync(information), from: 0 }],
    weather: [],
  }
}

/**
 * A seeded city of 150 stations over a whole UTC day and some, polled every 150 s, with polls that are missing, late
 * by twelve minutes, or repeat the one before; written to `directory`.
 */
export async function simulated(directory: string): Promise<Recording> {
  const start = Date.UTC(2026, 2, 10, 23)
  const faults = [
    { kind: 'missing', share: 0.05 },
    { kind: 'duplicate_poll', share: 0.05 },
    { kind: 'late', share: 0.04, minutes: 12 },
  ] as const
  const polls = recordCity({
    seed: 11,
    stations: 150,
    start,
    end: start + 26 * HOUR_MS,
    pollSeconds: 150,
    faults,
  })
  await writeRecording({ polls, directory })
  const read = (prefix: string): { name: string; body: Buffer }[] =>
    names(directory)
      .filter((name) => name.startsWith(prefix))
      .map((name) => ({ name, body: unpacked(readFileSync(join(directory, name))) }))
  return {
    system: 'simulated',
    from: directory,
    information: directory,
    timezone: 'Europe/Paris',
    polls: read('station_status').map(({ name, body }) => ({ body, fetched: utcInName(name) })),
    described: read('station_information').map(({ name, body }) => ({ body, from: utcInName(name) })),
    weather: read('weather').map(({ name, body }) => ({ body, issued: utcInName(name) })),
  }
}

function unpacked(bytes: Buffer): Buffer {
  return bytes.readUInt16BE(0) === GZIP_MAGIC ? gunzipSync(bytes) : bytes
}

function names(directory: string): string[] {
  return readdirSync(directory).sort()
}

function utcInName(name: string): number {
  const [, year, month, day, hour, minute, second] =
    /(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z/.exec(name) ?? []
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
}

function tokyoInName(name: string): number {
  const [year = 0, month = 0, day, hour = 0, minute, second] = (name.match(/\d+/g) ?? []).map(Number)
  return Date.UTC(year, month - 1, day, hour - TOKYO_HOURS, minute, second)
}

async function members(path: string): Promise<RecordedPoll[]> {
  const zip = await yauzl.openPromise(path)
  const polls: RecordedPoll[] = []
  for await (const entry of zip.eachEntry()) {
    const chunks: Buffer[] = []
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer)
    polls.push({ body: Buffer.concat(chunks), fetched: tokyoInName(entry.fileName) })
  }
  return polls
}
