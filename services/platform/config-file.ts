import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { z } from 'zod'
import { type Config, configSchema } from './config.ts'
import { type ConfigKey, configKeys } from './config-reference.ts'
import { VelocastError } from './errors.ts'

type Tree = { [key: string]: unknown }

/** Names that begin like settings and are not: where the file is, and what the tests read. */
const OTHER_VARIABLES = /^VELOCAST_(CONFIG|RECORDED_DATA|TEST_.*|SOAK_.*|GIT_REVISION)$/

/** The reference system's names for settings that keep their meaning here. */
const ALIASES: Record<string, string> = { KEEP_DAILIES: 'VELOCAST_SINK_KEEP_DAILIES' }

export interface LoadConfigOptions {
  /** YAML or JSON file; none means defaults. */
  file?: string | undefined
  env: Record<string, string | undefined>
  /** Holds where neither file nor environment says otherwise: a command's own defaults. */
  defaults?: Tree
  /** Wins over everything, `{ http: { port: 0 } }`. */
  overrides?: Tree
}

/**
 * Configuration from defaults < file < environment < overrides. Unknown keys and variables fail; every problem is
 * told at once, with its path, value and remedy. Throws `config_unreadable` or `config_invalid`.
 */
export function loadConfig({ file, env, defaults = {}, overrides = {} }: LoadConfigOptions): Config {
  const problems: string[] = []
  const tree = merge(
    merge(merge(defaults, file === undefined ? {} : readTree(file)), environmentTree(env, problems)),
    overrides,
  )
  const parsed = configSchema.safeParse(tree, { reportInput: true })
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap(describe))
  const duplicated = parsed.success ? duplicateSystem(parsed.data) : null
  if (duplicated !== null) problems.push(`systems: ids must differ, got twice: ${duplicated}`)
  if (parsed.success && parsed.data.log.kind === 'kafka') problems.push(...kafkaProblems(parsed.data))
  if (problems.length > 0 || !parsed.success) {
    throw new VelocastError({
      code: 'config_invalid',
      message: `configuration${file === undefined ? '' : ` ${file}`} has ${problems.length} problem(s); see docs/configuration.md:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
      data: { problems },
    })
  }
  return parsed.data
}

/** The configuration as it is printed: every secret that is set is `***`. */
export function redact(config: Config): Config {
  const copy = structuredClone(config) as unknown as Tree
  for (const { path, secret } of configKeys()) {
    if (!secret) continue
    const names = path.split('.')
    const leaf = names.pop() as string
    const parent = names.reduce<Tree | undefined>((node, name) => node?.[name] as Tree | undefined, copy)
    if (parent?.[leaf] !== undefined) parent[leaf] = '***'
  }
  return copy as unknown as Config
}

function readTree(file: string): Tree {
  let tree: unknown
  try {
    tree = parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new VelocastError({
      code: 'config_unreadable',
      message: `configuration file can't be read (${message.split('\n')[0]}); name a YAML or JSON file: ${file}`,
      cause,
    })
  }
  if (tree === null || tree === undefined) return {}
  if (typeof tree !== 'object' || Array.isArray(tree)) {
    throw new VelocastError({
      code: 'config_unreadable',
      message: `configuration file must hold a map of settings, see docs/configuration.md: ${file}`,
    })
  }
  return tree as Tree
}

function environmentTree(env: LoadConfigOptions['env'], problems: string[]): Tree {
  const keys = new Map(configKeys().map((key) => [key.env, key]))
  const tree: Tree = {}
  for (const [given, value] of Object.entries(env)) {
    const name = ALIASES[given] ?? given
    if (value === undefined || !name.startsWith('VELOCAST_') || OTHER_VARIABLES.test(name)) continue
    const key = keys.get(name) ?? keys.get(name.replace(/_FILE$/, ''))
    if (key === undefined) {
      problems.push(
        `${given}: unknown environment variable; \`velocast config --keys\` lists those there are`,
      )
      continue
    }
    const text = keys.has(name) ? value : readSecret(given, value, problems)
    if (text !== null) setPath(tree, key.path, parseText(key, text))
  }
  return tree
}

function readSecret(name: string, file: string, problems: string[]): string | null {
  try {
    return readFileSync(file, 'utf8').trimEnd()
  } catch {
    problems.push(`${name}: names a file that can't be read: ${file}`)
    return null
  }
}

/** Text of the environment as the setting's type; text that does not fit stays text, for the schema to refuse. */
function parseText({ type }: ConfigKey, text: string): unknown {
  if (type.startsWith('list of ')) {
    const parts = text.split(',').map((part) => part.trim())
    return parts
      .filter((part) => part !== '')
      .map((part) => (type === 'list of string' ? part : number(part)))
  }
  if (type === 'boolean')
    return /^(true|1|yes)$/i.test(text) ? true : /^(false|0|no)$/i.test(text) ? false : text
  return type === 'integer' || type === 'number' ? number(text) : text
}

function number(text: string): unknown {
  const value = Number(text)
  return text.trim() !== '' && Number.isFinite(value) ? value : text
}

function setPath(tree: Tree, path: string, value: unknown): void {
  const names = path.split('.')
  const leaf = names.pop() as string
  let node = tree
  for (const name of names) {
    const child = (node[name] ?? {}) as Tree
    node[name] = child
    node = child
  }
  node[leaf] = value
}

function merge(low: Tree, high: Tree): Tree {
  const result: Tree = { ...low }
  for (const [key, value] of Object.entries(high)) {
    if (value === undefined) continue
    const under = result[key]
    result[key] = isTree(under) && isTree(value) ? merge(under, value) : value
  }
  return result
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describe(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) => `${path === '' ? key : `${path}.${key}`}: unknown key; remove it or mend its name`,
    )
  }
  const secret = configKeys().some((key) => key.secret && key.path === path)
  const got = issue.input === undefined || secret ? '' : `, got ${JSON.stringify(issue.input)}`
  return [`${path === '' ? 'configuration' : path}: ${issue.message}${got}`]
}

function duplicateSystem(config: Config): string | null {
  const seen = new Set<string>()
  for (const { id } of config.systems) {
    if (seen.has(id)) return id
    seen.add(id)
  }
  return null
}

function kafkaProblems(config: Config): string[] {
  const problems: string[] = []
  if (config.log.brokers.length === 0)
    problems.push('log.brokers: Kafka needs at least one broker, host:port')
  if (config.registry.url === undefined)
    problems.push('registry.url: Kafka needs a schema registry, http://host:port')
  return problems
}
