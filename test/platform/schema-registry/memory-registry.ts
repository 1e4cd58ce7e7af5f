import { VelocastError } from '../../../services/platform/errors.ts'
import type { AvroSchema, SchemaRegistryPort } from '../../../services/platform/schema-registry/port.ts'

export interface MemoryRegistry extends SchemaRegistryPort {
  readonly subjects: Set<string>
  /** Ids that were asked for. */
  readonly asked: number[]
  /** True makes every call fail as an unreachable registry does. */
  away: boolean
}

/** A registry that records what it is asked and can be made to fail. */
export function memoryRegistry(): MemoryRegistry {
  const schemas: string[] = []
  const registry: MemoryRegistry = {
    subjects: new Set(),
    asked: [],
    away: false,
    async register(subject, schema) {
      requireReachable()
      registry.subjects.add(subject)
      const text = JSON.stringify(schema)
      const index = schemas.indexOf(text)
      return index === -1 ? schemas.push(text) : index + 1
    },
    async schema(id) {
      requireReachable()
      registry.asked.push(id)
      const text = schemas[id - 1]
      return text === undefined ? null : (JSON.parse(text) as AvroSchema)
    },
  }
  return registry

  function requireReachable(): void {
    if (!registry.away) return
    throw new VelocastError({
      code: 'registry_unreachable',
      retryable: true,
      message: 'schema registry is away: memory',
    })
  }
}
