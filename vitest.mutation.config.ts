import { defineConfig } from 'vitest/config'

// The tests that `npm run test:mutation` repeats for each mutant: only those of the pure folders.
export default defineConfig({
  test: {
    include: ['test/{machine,trace,record,history}/**/*.test.ts'],
    setupFiles: ['test/mutation-setup.ts'],
    testTimeout: 120_000,
  },
})
