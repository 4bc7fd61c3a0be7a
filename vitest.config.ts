import { availableParallelism } from 'node:os'
import { globSync } from 'tinyglobby'
import { configDefaults, defineConfig } from 'vitest/config'

const PURE = [
  'test/{machine,trace,record,history,sinks,tracking,audit,story,diagrams}/**/*.test.ts',
  'test/{errors,hosts,layers,style}.test.ts',
]

/** Tests of the pure folders that start processes, mock a module of Node, or check many random logs or pictures. */
const NOT_FAST = [
  'test/audit/batch/{damage,equals-reference,eviction,known-answers,word-key-map}.test.ts',
  'test/audit/live/live-audit.test.ts',
  'test/diagrams/{dot,mermaid}.test.ts',
  'test/story/completeness.test.ts',
  'test/story/foreign/loggers.test.ts',
  'test/trace/zero-request-id.test.ts',
  'test/sinks/replaced-stdout.test.ts',
  'test/tracking/{shutdown,trace-mixin}.test.ts',
]

const FAST = globSync(PURE, { ignore: NOT_FAST })

export default defineConfig({
  test: {
    // Much of what is tested waits for brokers and other processes: one worker per core would be idle a third of the time.
    maxWorkers: availableParallelism() + 1,
    // No test waits for time to pass. These limits end a test that hangs, and no test on a machine that is slow.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    projects: [
      {
        extends: true,
        // No process, broker or global state: the files of a worker share one copy of each module.
        test: { name: 'fast', include: FAST, isolate: false },
      },
      {
        extends: true,
        // The name of the package is that of an older major, also in the processes that the tests start.
        resolve: { alias: [{ find: /^bullmq$/, replacement: 'bullmq-5' }] },
        test: { name: 'bullmq-5', include: ['test/adapters/bullmq.test.ts'], env: { BULLMQ: 'bullmq-5' } },
      },
      {
        extends: true,
        test: { name: 'full', include: ['test/**/*.test.ts'], exclude: [...configDefaults.exclude, ...FAST] },
      },
    ],
  },
})
