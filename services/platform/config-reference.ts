import { z } from 'zod'
import { configSchema } from './config.ts'

/** One scalar or list setting of the configuration, for people and for the environment. */
export interface ConfigKey {
  /** Dotted path in the file, `log.brokers`. */
  path: string
  /** Environment variable that sets it, `VELOCAST_LOG_BROKERS`; with `_FILE` behind it names a file to read it from. */
  env: string
  type: string
  /** JSON text of the default; null where there is none. */
  default: string | null
  description: string
  secret: boolean
}

interface Node {
  type?: string
  properties?: Record<string, Node>
  items?: Node
  enum?: unknown[]
  default?: unknown
  description?: string
  secret?: boolean
}

/** Every setting that has one value or a list of plain values, in the order of the schema. */
export function configKeys(): ConfigKey[] {
  const keys: ConfigKey[] = []
  collect({ node: z.toJSONSchema(configSchema, { io: 'input' }) as Node, path: [], keys })
  return keys
}

/** Markdown table of the settings: docs/configuration.md holds it, a test keeps it current. */
export function configTable(): string {
  const rows = configKeys().map(
    ({ path, env, type, default: value, description, secret }) =>
      `| \`${path}\` | ${type} | ${value === null ? '' : `\`${value}\``} | \`${env}\` | ${description}${secret ? ' (secret)' : ''} |`,
  )
  return ['| setting | type | default | environment | meaning |', '|---|---|---|---|---|', ...rows].join('\n')
}

function collect({ node, path, keys }: { node: Node; path: string[]; keys: ConfigKey[] }): void {
  if (node.properties !== undefined) {
    for (const [name, child] of Object.entries(node.properties)) {
      collect({ node: child, path: [...path, name], keys })
    }
    return
  }
  if (node.items?.properties !== undefined) return
  keys.push({
    path: path.join('.'),
    env: `VELOCAST_${path.join('_').toUpperCase()}`,
    type: typeName(node),
    default: node.default === undefined ? null : JSON.stringify(node.default),
    description: node.description ?? '',
    secret: node.secret ?? false,
  })
}

function typeName(node: Node): string {
  if (node.enum !== undefined) return node.enum.map(String).join(' or ')
  if (node.type === 'array') return `list of ${node.items?.type ?? 'text'}`
  return node.type === 'string' ? 'text' : (node.type ?? 'text')
}
