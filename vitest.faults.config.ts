import { defineConfig } from 'vitest/config'
import { FaultTable } from './test/faults/_table.ts'

// The long form of the fault tests: budgets in test/faults/_budget.ts, results in docs/reliability.md.
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    env: { FAULTS: 'long' },
    testTimeout: 900_000,
    hookTimeout: 60_000,
    // They load the machine by themselves, each with several processes.
    maxWorkers: 1,
    reporters: ['default', new FaultTable()],
  },
})
