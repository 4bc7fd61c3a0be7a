import { defineConfig } from 'vitest/config'

// The tests that `npm run test:mutation` repeats for each mutant: only those of the pure folders.
export default defineConfig({
  test: {
    include: ['test/{machine,trace,record,history}/**/*.test.ts'],
    // It replaces a module that the other files share.
    exclude: ['test/trace/zero-request-id.test.ts'],
    env: { FC_RUNS: '40' },
    setupFiles: ['test/mutation-setup.ts'],
    // One worker for all test files: packages are imported once, and our own modules again for each file.
    isolate: false,
    testTimeout: 120_000,
  },
})
