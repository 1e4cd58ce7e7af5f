import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/stack/*.test.ts'],
    globalSetup: ['test/stack/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
