import type { ModelList } from '../../domain/model-pack.ts'
import { VelocastError } from '../../platform/errors.ts'
import { installPersistencePack } from '../../platform/onnx/install.ts'
import type { Platform } from '../../platform/service.ts'
import {
  listModels,
  promoteModel,
  rollbackModel,
  type StoredPack,
  type StoredVersion,
  showModel,
} from '../../train/model-catalogue.ts'
import { promotionBin } from '../../train/promotion-bin.ts'
import type { ModelsOptions, RollbackOptions } from '../commands/models.ts'
import { openPlatform } from '../composition.ts'
import { type Output, table } from '../output.ts'
import { oneSystemOf, requireKnownSystems, setting } from '../setting.ts'

interface Context {
  platform: Platform
  system: string
  output: Output
}

export function list(options: ModelsOptions): Promise<void> {
  return withPlatform(options, async ({ platform: { objects }, system, output }) => {
    const found = await listModels({ objects, system })
    output.result({ system, ...found }, ({ versions }) =>
      versions.length === 0
        ? `${system} has no trained version; \`velocast train\` makes one`
        : table(
            ['VERSION', 'HORIZON', 'TRAINED UNTIL', 'ROWS', 'MAE', 'PERSISTENCE', 'LIFT', 'IN FORCE FROM'],
            versions.flatMap(rowsOf),
          ),
    )
  })
}

export function show(version: string, options: ModelsOptions): Promise<void> {
  return withPlatform(options, async ({ platform: { objects }, system, output }) => {
    const stored = await showModel({ objects, system, version })
    output.result({ system, ...stored }, describe)
  })
}

export function promote(version: string, options: ModelsOptions): Promise<void> {
  return withPlatform(options, async ({ platform, system, output }) => {
    const { objects } = platform
    const { horizons } = await showModel({ objects, system, version })
    const cutOffs = horizons.map(({ manifest }) => Date.parse(manifest?.trained.cut_off ?? '1970-01-01'))
    const effectiveFrom = await promotionBin({ platform, system, cutOff: Math.max(0, ...cutOffs) })
    tell(output, system, await promoteModel({ objects, system, version, effectiveFrom }))
  })
}

export function rollback({ to, ...options }: RollbackOptions): Promise<void> {
  return withPlatform(options, async ({ platform, system, output }) => {
    const { objects } = platform
    if ((await listModels({ objects, system })).versions.length === 0) {
      throw new VelocastError({
        code: 'model_not_found',
        message: `there is no trained version to roll back from, \`velocast train\` makes one: ${system}`,
      })
    }
    await installPersistencePack({ objects, horizons: platform.config.horizons })
    const effectiveFrom = await promotionBin({ platform, system, cutOff: 0 })
    const target = to === undefined ? {} : { to }
    tell(output, system, await rollbackModel({ objects, system, effectiveFrom, ...target }))
  })
}

async function withPlatform(
  options: ModelsOptions,
  work: (context: Context) => Promise<void>,
): Promise<void> {
  const { config, logger, output } = setting(options, {}, { logging: { level: 'warn' } })
  const system = oneSystemOf(config, options.system)
  const { platform, close } = await openPlatform({ config, logger })
  try {
    await requireKnownSystems(platform, [system])
    await work({ platform, system, output })
  } finally {
    await close()
  }
}

function tell(output: Output, system: string, { versions }: ModelList): void {
  const newest = versions.at(-1)
  if (newest === undefined) {
    throw new VelocastError({
      code: 'model_not_found',
      message: `model list is empty after its change: ${system}`,
    })
  }
  const { version, effective_from, horizons } = newest
  output.result(
    { system, version, effective_from, horizons: Object.keys(horizons).map(Number) },
    (shown) => `${shown.system}: ${shown.version} is in force from ${shown.effective_from}`,
  )
}

function rowsOf({ version, horizons, effective_from }: StoredVersion): string[][] {
  return horizons.map((pack) => [
    version,
    `${pack.horizon} min`,
    ...(pack.manifest === null
      ? [`refused: ${pack.fault}`, '', '', '', '']
      : [
          pack.manifest.trained.until,
          String(pack.manifest.trained.rows),
          figure(pack, 'mae_model', (value) => value.toFixed(4)),
          figure(pack, 'mae_persistence', (value) => value.toFixed(4)),
          figure(pack, 'lift', (value) => `${(value * 100).toFixed(1)} %`),
        ]),
    effective_from.at(-1) ?? 'never',
  ])
}

/** A figure of the gate, as far as the manifest has it. */
function figure({ manifest }: StoredPack, name: string, text: (value: number) => string): string {
  const gate = manifest?.metrics.gate
  if (typeof gate !== 'object' || gate === null || Array.isArray(gate)) return ''
  const value = gate[name]
  return typeof value === 'number' ? text(value) : ''
}

function describe(stored: StoredVersion & { system: string; files: string[] }): string {
  const parts = stored.horizons.map((pack) => {
    const { manifest, horizon, fault } = pack
    if (manifest === null) return `${horizon} min: refused, ${fault}`
    const { trained, features, stations, created_from } = manifest
    return [
      `${horizon} min: ${features.names.length} features of ${features.set} (${features.hash}), ${stations} stations`,
      `  trained on ${trained.rows} rows, ${trained.from} to ${trained.until}, revision ${created_from ?? 'unknown'}`,
      `  gate: MAE ${figure(pack, 'mae_model', String)}, persistence ${figure(pack, 'mae_persistence', String)}, lift ${figure(pack, 'lift', String)}`,
    ].join('\n')
  })
  const force =
    stored.effective_from.length === 0
      ? 'never promoted'
      : `in force from ${stored.effective_from.join(', ')}`
  return [`${stored.system} ${stored.version}, ${force}`, ...parts, ...stored.files].join('\n')
}
