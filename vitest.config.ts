import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/longest-first.ts'

// Tests start some hundred processes: what one has compiled the next need not.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/node')

const SERVERS = ['test/integration/**/*.test.ts', 'test/stack/**/*.test.ts']
/** Promises under kills, storms and outages. */
const INTEGRITY = ['test/integrity/**/*.integrity.test.ts']
/** Those that every `npm test` asks for, in their short form: the others take too long for its 15 minutes. */
const QUICK_INTEGRITY = ['kills', 'kills-apart', 'outages', 'poison', 'time', 'shared-partition'].map(
  (name) => `test/integrity/${name}.integrity.test.ts`,
)
/** Whole pipelines and trainings in one process: no servers, but tens of seconds. */
const WHOLE = [
  'test/train/training-run.test.ts',
  'test/served/**/*.test.ts',
  'test/ingest/replay/{recorded,quirks}.test.ts',
  'test/forecast/served-features.test.ts',
  'test/forecast/trained-town.test.ts',
  'test/sink/compaction.test.ts',
]
const BROWSER = ['test/e2e/**/*.test.ts']

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...SERVERS, ...WHOLE, ...BROWSER, ...INTEGRITY],
          testTimeout: 30_000,
          // Half of the time would go into loading the same modules anew for each file, and by default one core is left idle.
          isolate: false,
          maxWorkers: '100%',
        },
      },
      {
        test: {
          name: 'integration',
          include: [...SERVERS, ...WHOLE, ...QUICK_INTEGRITY],
          globalSetup: ['test/stack/global-setup.ts'],
          setupFiles: ['test/end-processes.setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'integrity',
          include: INTEGRITY,
          globalSetup: ['test/stack/global-setup.ts'],
          setupFiles: ['test/end-processes.setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 1,
        },
      },
      {
        test: { name: 'e2e', include: BROWSER, testTimeout: 120_000, hookTimeout: 180_000, maxWorkers: 1 },
      },
    ],
  },
})
