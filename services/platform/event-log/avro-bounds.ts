import type { AvroSchema } from '../schema-registry/port.ts'

/** Moves past one value from `position`; -1 when it does not end within the buffer. */
type Skip = (bytes: Buffer, position: number) => number

/**
 * Gives a check that a record's arrays and maps fit into its bytes, or null for a schema that has none. avsc reads as
 * many items as a block claims before it looks at the length, so corrupt bytes could keep it busy for hours.
 */
export function compileBounds(schema: AvroSchema): ((bytes: Buffer, position: number) => boolean) | null {
  const state = { collections: false, named: new Map<string, Skip>() }
  const skip = compile(schema, schema.namespace ?? '', state)
  return state.collections ? (bytes, position) => skip(bytes, position) !== -1 : null
}

interface Compilation {
  collections: boolean
  named: Map<string, Skip>
}

interface ComplexSchema {
  type: unknown
  name?: string
  namespace?: string
  fields?: { type: unknown }[]
  items?: unknown
  values?: unknown
  size?: number
}

function compile(schema: unknown, namespace: string, state: Compilation): Skip {
  if (Array.isArray(schema)) {
    const branches = schema.map((branch) => compile(branch, namespace, state))
    return (bytes, position) => {
      const next = readLong(bytes, position)
      return next === -1 ? -1 : (branches[lastLong]?.(bytes, next) ?? -1)
    }
  }
  if (typeof schema === 'string') return primitive(schema, namespace, state)
  const complex = schema as ComplexSchema
  switch (complex.type) {
    case 'record':
      return compileRecord(complex, namespace, state)
    case 'array':
      state.collections = true
      return blocks(compile(complex.items, namespace, state))
    case 'map': {
      state.collections = true
      const value = compile(complex.values, namespace, state)
      return blocks((bytes, position) => then(skipBytes(bytes, position), (next) => value(bytes, next)))
    }
    case 'enum':
      return name(complex, namespace, state, readLong)
    case 'fixed':
      return name(complex, namespace, state, fixed(complex.size ?? 0))
    default:
      return compile(complex.type, namespace, state)
  }
}

function compileRecord(schema: ComplexSchema, namespace: string, state: Compilation): Skip {
  const fields: Skip[] = []
  const skip = name(schema, namespace, state, (bytes, position) => {
    let next = position
    for (const field of fields) {
      next = field(bytes, next)
      if (next === -1) return -1
    }
    return next
  })
  for (const { type } of schema.fields ?? []) {
    fields.push(compile(type, schema.namespace ?? namespace, state))
  }
  return skip
}

function name(schema: ComplexSchema, namespace: string, state: Compilation, skip: Skip): Skip {
  const own = schema.name ?? ''
  const full = own.includes('.') ? own : `${schema.namespace ?? namespace}.${own}`
  state.named.set(full, skip)
  return skip
}

function primitive(type: string, namespace: string, state: Compilation): Skip {
  switch (type) {
    case 'null':
      return (_bytes, position) => position
    case 'boolean':
      return fixed(1)
    case 'int':
    case 'long':
      return readLong
    case 'float':
      return fixed(4)
    case 'double':
      return fixed(8)
    case 'bytes':
    case 'string':
      return skipBytes
    default:
      return (bytes, position) =>
        (state.named.get(type) ?? state.named.get(`${namespace}.${type}`))?.(bytes, position) ?? -1
  }
}

function fixed(size: number): Skip {
  return (bytes, position) => (position + size <= bytes.length ? position + size : -1)
}

function skipBytes(bytes: Buffer, position: number): number {
  const next = readLong(bytes, position)
  return next === -1 || lastLong < 0 || next + lastLong > bytes.length ? -1 : next + lastLong
}

/** Blocks of items until an empty one; an item takes at least a byte, so no block holds more than the bytes left. */
function blocks(item: Skip): Skip {
  return (bytes, position) => {
    let next = position
    while (true) {
      const start = readLong(bytes, next)
      const count = lastLong
      if (start === -1 || count === 0) return start
      next = count < 0 ? readLong(bytes, start) : start
      const items = Math.abs(count)
      if (next === -1 || items > bytes.length - next) return -1
      for (let index = 0; index < items; index++) {
        next = item(bytes, next)
        if (next === -1) return -1
      }
    }
  }
}

/** What `readLong` read last: a pair for each of some twenty varints a record would cost more than the reading. */
let lastLong = 0

/** Reads a zigzag varint into `lastLong` and gives the position after it, -1 when it does not end. */
function readLong(bytes: Buffer, position: number): number {
  let value = 0
  let scale = 1
  for (let index = position; index < bytes.length && index < position + 10; index++) {
    const byte = bytes[index]!
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      lastLong = value % 2 === 0 ? value / 2 : -(value + 1) / 2
      return index + 1
    }
    scale *= 128
  }
  return -1
}

function then(position: number, next: (position: number) => number): number {
  return position === -1 ? -1 : next(position)
}
