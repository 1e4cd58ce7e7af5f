import { createHash } from 'node:crypto'
import { readEnvelope, readJson } from '../../domain/gbfs/envelope.ts'
import { parseInformation } from '../../domain/gbfs/information.ts'
import { parseStatus } from '../../domain/gbfs/status.ts'
import { parseVehicleTypes, type VehicleTypes } from '../../domain/gbfs/vehicle-types.ts'
import { parseOpenMeteo } from '../../domain/open-meteo.ts'
import { isOpendatasoft, parseOpendatasoft } from '../../domain/opendatasoft.ts'
import { ReadingError } from '../../domain/reading-error.ts'
import type { StatusAnswer } from '../../domain/status.ts'
import type { WeatherReport } from '../../domain/weather.ts'
import { VelocastError } from '../../platform/errors.ts'
import { Companion, type TimedFile } from './companion.ts'
import { FileContents } from './file-contents.ts'
import { inferredNameZone, type NameZone, nameZone } from './name-time.ts'
import {
  emptyRecording,
  type OpeningOptions,
  type Recording,
  type ReplayInformation,
  type ReplayPoll,
  readAhead,
} from './recorded-polls.ts'
import { type FileRole, fileLabel, type RecordingFile } from './recording-file.ts'
import type { SkipReason } from './skipped.ts'
import { readStationTable } from './station-table.ts'

/** Files that are asked for the zone of their names. */
const ZONE_SAMPLES = 5
/** Files that are read before their turn: the thread that parses one has the next at hand. */
const FILES_AHEAD = 4

interface IndexedFile extends TimedFile<RecordingFile> {
  /** Null when its name states none: then `time` is the published time. */
  fetched_utc: number | null
}

/**
 * A recording of JSON files: GBFS of any version, or the Opendatasoft export, told apart by content.
 * Holds the index (a line a file), the descriptions of one information file, two polls and four files.
 */
export async function openFileRecording(options: OpeningOptions): Promise<Recording> {
  const { from, system, files, skipped, format = 'auto' } = options
  const contents = new FileContents()
  const isRole =
    (...roles: FileRole[]) =>
    ({ role }: RecordingFile): boolean =>
      roles.includes(role)
  const skip = (file: RecordingFile, error: unknown, known?: SkipReason): void =>
    skipped.add(known ?? reasonOf(error), fileLabel(file), error)
  const json = async (file: RecordingFile): Promise<unknown> => readJson(await contents.read(file))
  const published = async (file: RecordingFile): Promise<number | null> => {
    const body = await json(file)
    return isOpendatasoft(body) ? null : readEnvelope(body, fileLabel(file)).published_utc
  }

  const candidates = files.filter(isRole('status', 'unnamed'))
  const companions = [...files, ...options.informationFiles]
  const ignored = isRole('other', 'csv', 'parquet')
  for (const file of files.filter(ignored)) skip(file, null, 'other_file')
  const zone =
    options.nameTimezone === undefined
      ? await inferZone({ files: candidates, published })
      : nameZone(options.nameTimezone)

  const index: IndexedFile[] = []
  for (const file of candidates) {
    try {
      const fetched_utc = fetchTime(file, zone)
      const time = fetched_utc ?? (await published(file))
      if (time === null) skip(file, null, 'no_time')
      else index.push({ file, time, fetched_utc })
    } catch (error) {
      skip(file, error)
    }
  }
  index.sort((a, b) => a.time - b.time || (fileLabel(a.file) < fileLabel(b.file) ? -1 : 1))

  const timed = async (wanted: RecordingFile[], reason: SkipReason): Promise<TimedFile<RecordingFile>[]> => {
    const found: TimedFile<RecordingFile>[] = []
    for (const file of wanted) {
      try {
        const time = fetchTime(file, zone) ?? (file.role === 'csv' ? null : await published(file))
        found.push({ file, time: time ?? Number.NEGATIVE_INFINITY })
      } catch (error) {
        skip(file, error, reason)
      }
    }
    return found
  }
  const quietly =
    <Content>(reason: SkipReason, load: (file: RecordingFile, time: number) => Promise<Content>) =>
    async (file: RecordingFile, time: number): Promise<Content | null> => {
      try {
        return await load(file, time)
      } catch (error) {
        skip(file, error, reason)
        return null
      }
    }
  const informationFiles = [
    ...files.filter(isRole('information')),
    ...options.informationFiles.filter(isRole('information', 'unnamed', 'csv')),
  ]
  const described = await timed(informationFiles, 'information_unreadable')
  const typed = await timed(companions.filter(isRole('vehicle_types')), 'information_unreadable')
  const forecast = await timed(companions.filter(isRole('weather')), 'weather_unreadable')
  const firstTime = index[0]?.time ?? 0

  async function* read(position: number): AsyncGenerator<ReplayPoll> {
    const information = new Companion<RecordingFile, ReplayInformation>({
      files: described,
      before: 'first',
      load: quietly('information_unreadable', async (file, time) => {
        const known = Number.isFinite(time) ? time : firstTime
        if (file.role === 'csv') return { stations: await readStationTable(file.path), seen_utc: known }
        const { stations, published_utc } = parseInformation(await json(file))
        return { stations, seen_utc: published_utc ?? known }
      }),
    })
    const types = new Companion<RecordingFile, VehicleTypes>({
      files: typed,
      before: 'first',
      load: quietly('information_unreadable', async (file) => parseVehicleTypes(await json(file)).types),
    })
    const weather = new Companion<RecordingFile, WeatherReport>({
      files: forecast,
      before: 'nothing',
      load: quietly('weather_unreadable', async (file, time) =>
        parseOpenMeteo({ json: await json(file), system, point: 'recorded', issuedUtc: time }),
      ),
    })
    let given = 0
    const ahead: Promise<Buffer>[] = []
    for (let place = position; place < index.length; place++) {
      const { file, time, fetched_utc } = index[place]!
      for (const next of index.slice(place + ahead.length, place + FILES_AHEAD)) {
        const reading = contents.read(next.file)
        reading.catch(() => undefined)
        ahead.push(reading)
      }
      try {
        const bytes = await ahead.shift()!
        const status = readStatus({
          body: readJson(bytes),
          file,
          format,
          vehicleTypes: await types.at(time),
        })
        yield {
          answer: {
            kind: 'status',
            status,
            content: createHash('sha256').update(bytes).digest('hex'),
            fetched_utc,
            duration_ms: null,
          },
          information: await information.at(time),
          weather: await weather.at(time),
          origin: fileLabel(file),
          position: place,
        }
        given += 1
      } catch (error) {
        skip(file, error)
      }
    }
    if (given === 0 && position === 0) throw emptyRecording({ from, format, skipped })
  }

  const sketch = createHash('sha256')
  for (const { file, time } of index) sketch.update(`${file.member ?? ''}|${file.size}|${time}\n`)
  return {
    format: 'json',
    total: index.length,
    first_utc: firstTime,
    last_utc: index.at(-1)?.time ?? 0,
    key: sketch.digest('hex'),
    skipped,
    polls: ({ position = 0 } = {}) => readAhead(read(position)),
    close: async () => contents.close(),
  }
}

function fetchTime({ named }: RecordingFile, zone: NameZone): number | null {
  if (named === null) return null
  return named.zoned ? named.wall : zone(named.wall)
}

async function inferZone({
  files,
  published,
}: {
  files: RecordingFile[]
  published: (file: RecordingFile) => Promise<number | null>
}): Promise<NameZone> {
  const unzoned = files.filter(({ named }) => named !== null && !named.zoned)
  const step = Math.max(1, Math.floor(unzoned.length / ZONE_SAMPLES))
  const samples: { wall: number; published_utc: number | null }[] = []
  for (let place = 0; place < unzoned.length && samples.length < ZONE_SAMPLES; place += step) {
    const file = unzoned[place]!
    const published_utc = await published(file).catch(() => null)
    samples.push({ wall: file.named!.wall, published_utc })
  }
  return inferredNameZone(samples)
}

/** A file whose name says nothing must hold a station's state, or it is no status. */
function readStatus({
  body,
  file,
  format,
  vehicleTypes,
}: {
  body: unknown
  file: RecordingFile
  format: string
  vehicleTypes: VehicleTypes | null
}): StatusAnswer {
  const opendatasoft = format === 'opendatasoft' || (format === 'auto' && isOpendatasoft(body))
  const status = opendatasoft
    ? parseOpendatasoft(body)
    : parseStatus(body, vehicleTypes === null ? {} : { vehicleTypes })
  if (file.role === 'unnamed' && !opendatasoft && status.stations.length === 0) {
    throw new ReadingError({
      code: 'feed_malformed',
      message: `file must hold station states: name it station_status when it does, got ${fileLabel(file)}`,
    })
  }
  return status
}

function reasonOf(error: unknown): SkipReason {
  if (error instanceof VelocastError) return error.data.tooLarge === true ? 'too_large' : 'unreadable'
  if (!(error instanceof ReadingError)) return 'unreadable'
  if (error.code === 'feed_no_stations') return 'no_stations'
  return error.cause instanceof SyntaxError ? 'not_json' : 'not_status'
}
