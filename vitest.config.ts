import { defineConfig } from 'vitest/config'

const SERVERS = ['test/integration/**/*.test.ts', 'test/stack/**/*.test.ts', 'test/integrity/**/*.test.ts']
const BROWSER = ['test/e2e/**/*.test.ts']

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...SERVERS, ...BROWSER],
          testTimeout: 30_000,
          // Half of the time would go into loading the same modules anew for each file.
          isolate: false,
          pool: 'threads',
        },
      },
      {
        test: {
          name: 'integration',
          include: SERVERS,
          globalSetup: ['test/stack/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: { name: 'e2e', include: BROWSER, testTimeout: 120_000, hookTimeout: 180_000, maxWorkers: 1 },
      },
    ],
  },
})
