import { join } from 'node:path'
import pLimit from 'p-limit'
import { DAY_MS, dayName } from '../domain/bin.ts'
import type { ModelListVersion } from '../domain/model-pack.ts'
import { hasCode } from '../platform/errors.ts'
import {
  dailyPath,
  dailyPrefix,
  monthlyPath,
  monthlyPrefix,
  trainedModelsPrefix,
} from '../platform/object-store/layout.ts'
import type { ObjectInfo, ObjectStore } from '../platform/object-store/port.ts'
import type { BaseFile } from './base.ts'

/** A file of the history that a run reads. */
export interface RunInput {
  path: string
  generation: string
  bytes: number
  /** UTC days that a monthly file is read for; all rows of a daily. */
  days: string[] | null
}

/** Downloads at once. */
const DOWNLOADS = 8

/** Daily files of the newest `days` days, and of the days in between that have none their months. */
export async function listInputs({
  objects,
  system,
  days,
}: {
  objects: Pick<ObjectStore, 'list'>
  system: string
  days: number
}): Promise<RunInput[]> {
  const dailies = await filesOf(objects, dailyPrefix(system), (day) => dailyPath(system, day))
  const months = await filesOf(objects, monthlyPrefix(system), (month) => monthlyPath(system, month))
  const newestDaily = [...dailies.keys()].at(-1)
  const newestMonth = [...months.keys()].at(-1)
  const ends = [
    ...(newestDaily === undefined ? [] : [Date.parse(newestDaily)]),
    ...(newestMonth === undefined ? [] : [lastDayOf(newestMonth)]),
  ]
  if (ends.length === 0) return []
  const last = Math.max(...ends)
  // A day more than asked for: the newest file may end within its day.
  const wanted = Array.from({ length: days + 1 }, (_, back) => dayName(last - (days - back) * DAY_MS))
  const inputs = wanted.flatMap((day) => {
    const info = dailies.get(day)
    return info === undefined ? [] : [inputOf(info, null)]
  })
  for (const [month, info] of months) {
    const missing = wanted.filter((day) => day.startsWith(month) && !dailies.has(day))
    if (missing.length > 0) inputs.push(inputOf(info, missing))
  }
  return inputs
}

/** Downloads inputs; one that was replaced meanwhile is taken as it is now, one that is gone is left out. */
export async function downloadInputs({
  objects,
  inputs,
  directory,
  signal,
}: {
  objects: Pick<ObjectStore, 'download'>
  inputs: readonly RunInput[]
  directory: string
  signal?: AbortSignal | undefined
}): Promise<{ inputs: RunInput[]; files: BaseFile[] }> {
  const limit = pLimit(DOWNLOADS)
  const copies = await Promise.all(
    inputs.map((input, place) =>
      limit(async () => {
        if (signal?.aborted) return null
        const file = join(directory, `input-${String(place).padStart(4, '0')}.parquet`)
        try {
          const { generation, size } = await objects.download(input.path, file)
          const base: BaseFile = input.days === null ? { file } : { file, days: input.days }
          return { input: { ...input, generation, bytes: size }, base }
        } catch (error) {
          if (hasCode(error, 'store_object_missing')) return null
          throw error
        }
      }),
    ),
  )
  const there = copies.filter((copy) => copy !== null)
  return { inputs: there.map(({ input }) => input), files: there.map(({ base }) => base) }
}

/**
 * Copies the packs of a version into a local store's directory, by their paths. What is missing stays missing: the pack
 * is then refused where it is loaded. `put` is a store over that directory.
 */
export async function copyPacks({
  objects,
  local,
  system,
  version,
}: {
  objects: Pick<ObjectStore, 'get' | 'list'>
  local: Pick<ObjectStore, 'put'>
  system: string
  version: ModelListVersion
}): Promise<void> {
  for (const { path } of Object.values(version.horizons)) {
    if (!path.startsWith(trainedModelsPrefix(system))) continue
    for (const info of await objects.list(path.replace(/[^/]*$/, ''))) {
      const object = await objects.get(info.path)
      if (object !== null) await local.put(info.path, object.bytes)
    }
  }
}

async function filesOf(
  objects: Pick<ObjectStore, 'list'>,
  prefix: string,
  pathOf: (name: string) => string,
): Promise<Map<string, ObjectInfo>> {
  const found = new Map<string, ObjectInfo>()
  for (const info of await objects.list(prefix)) {
    const name = info.path.slice(prefix.length).replace(/\.parquet$/, '')
    if (info.path === pathOf(name) && Number.isFinite(Date.parse(name))) found.set(name, info)
  }
  return found
}

function lastDayOf(month: string): number {
  const [year = 0, number = 1] = month.split('-').map(Number)
  return Date.UTC(year, number, 0)
}

function inputOf({ path, generation, size }: ObjectInfo, days: string[] | null): RunInput {
  return { path, generation, bytes: size, days }
}
