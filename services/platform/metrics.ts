import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/**
 * A registry of its own with the process's metrics (`process_*`, `nodejs_*`) and `velocast_build_info`.
 * Services register theirs on it, prefix `velocast_`; nothing uses prom-client's global registry.
 */
export function createMetrics({ version }: { version: string }): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'velocast_build_info',
    help: 'Always 1; the labels say what is running',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.versions.node }, 1)
  return registry
}
