/** An Avro schema as the JSON of an .avsc file. */
export interface AvroSchema {
  type: string
  name: string
  namespace?: string
  doc?: string
  fields: { name: string; type: unknown; doc?: string; default?: unknown }[]
}

/**
 * Schemas by id, versioned by subject, FULL_TRANSITIVE: a new schema reads every earlier one of its subject and is
 * read by them. Throws `registry_unreachable` (retryable unless the credentials are wrong).
 */
export interface SchemaRegistryPort {
  /**
   * Gives the id of the schema below the subject, registering it when it is new: the same schema, the same id.
   * Throws `schema_incompatible` with the registry's words; nothing is then changed.
   */
  register(subject: string, schema: AvroSchema): Promise<number>
  /** The schema of an id, null when the registry has none. */
  schema(id: number): Promise<AvroSchema | null>
}
