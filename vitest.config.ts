import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Much of what is tested waits for others: brokers, and processes of its own. With a worker for each core these are idle for a third of the time.
    maxWorkers: availableParallelism() + 1,
    // No test waits for time to pass. These limits end a test that hangs, and no test on a machine that is slow.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
