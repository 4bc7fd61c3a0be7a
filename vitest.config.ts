import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Much of what is tested waits for others: brokers, and processes of its own. With a worker for each core these are idle for a third of the time.
    maxWorkers: availableParallelism() + 1,
    // No test waits for time to pass: these are for one that hangs, on a machine that is ten times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
