import type { z } from 'zod'
import type { ObjectStore } from './port.ts'

/** A JSON object as `schema` reads it; null when there is none, or one that `schema` does not know. */
export async function readDocument<Schema extends z.ZodType>(
  objects: Pick<ObjectStore, 'get'>,
  path: string,
  schema: Schema,
): Promise<z.infer<Schema> | null> {
  const object = await objects.get(path)
  if (object === null) return null
  try {
    return schema.safeParse(JSON.parse(object.bytes.toString('utf8'))).data ?? null
  } catch {
    return null
  }
}
