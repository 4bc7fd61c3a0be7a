import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Much of what is tested waits for others: brokers, and processes of its own. One worker less than there are cores leaves them idle.
    maxWorkers: '100%',
    // No test waits for time to pass: these are for one that hangs, on a machine that is ten times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
