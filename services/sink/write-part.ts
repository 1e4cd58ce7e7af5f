import { bronzePath, pollsPath } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { encodePart } from '../platform/parquet/part-encoder.ts'
import { putPart } from './ownership.ts'
import type { Part } from './partition.ts'

/**
 * Makes a part durable. Its name follows from its rows, so writing it again finds it there and changes nothing.
 * Gives the object's path.
 */
export async function writePart({
  objects,
  part,
  partition,
}: {
  objects: ObjectStore
  part: Part
  partition: number
}): Promise<string> {
  const { system } = part
  const rows =
    part.kind === 'bronze' ? { kind: part.kind, rows: part.rows } : { kind: part.kind, rows: part.polls }
  const { content, bytes } = await encodePart(rows, {
    partition,
    first: part.firstOffset,
    next: part.nextOffset,
  })
  const path =
    part.kind === 'bronze'
      ? bronzePath({ system, bin: part.bin, content })
      : pollsPath({ system, firstFetched: part.polls[0]!.fetched_utc, content })
  await putPart(objects, path, bytes)
  return path
}
