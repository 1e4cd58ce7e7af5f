import { hasCode } from '../platform/errors.ts'
import { bronzePath, pollsPath } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { bronzeContentName, encodeBronze, encodePolls, pollsContentName } from '../platform/parquet/bronze.ts'
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
  const offsets = { partition, first: part.firstOffset, next: part.nextOffset }
  const { system } = part
  const [path, bytes] =
    part.kind === 'bronze'
      ? [
          bronzePath({ system, bin: part.bin, content: bronzeContentName(part.rows) }),
          encodeBronze({ rows: part.rows, offsets }),
        ]
      : [
          pollsPath({
            system,
            firstFetched: part.polls[0]!.fetched_utc,
            content: pollsContentName(part.polls),
          }),
          encodePolls({ polls: part.polls, offsets }),
        ]
  const contentType = 'application/vnd.apache.parquet'
  try {
    await objects.put(path, bytes, { ifGeneration: 'absent', contentType })
  } catch (error) {
    if (!hasCode(error, 'store_precondition_failed')) throw error
  }
  return path
}
