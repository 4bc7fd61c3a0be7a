import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // No test waits for time to pass: these are for one that hangs, on a machine that is ten times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
