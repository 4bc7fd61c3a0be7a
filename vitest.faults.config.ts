import { defineConfig } from 'vitest/config'
import { FaultTable } from './test/faults/_fault-table.ts'

// The long form of the fault tests. Run counts: test/faults/_run-counts.ts; results: docs/reliability.md.
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    env: { FAULTS: 'long' },
    testTimeout: 900_000,
    hookTimeout: 60_000,
    // Each test already loads the machine with several processes.
    maxWorkers: 1,
    reporters: ['default', new FaultTable()],
  },
})
