/** What a part of the source may import, and why no more. */
export interface Layer {
  /** A folder, or a single file. */
  readonly path: string
  /** Folders and files of our own; a trailing `*` is a prefix. */
  readonly own: readonly string[]
  readonly packages: readonly string[]
  readonly because: string
}

/** The import rules. docs/architecture.md shows the same table, and a test compares the two. */
export const LAYERS: readonly Layer[] = [
  {
    path: 'machines/',
    own: [],
    packages: ['xstate'],
    because: 'people edit machines: they must read like any XState machine',
  },
  { path: 'src/errors.ts', own: [], packages: [], because: 'every part raises errors' },
  { path: 'src/index.ts', own: ['src/*'], packages: [], because: 'it is a table of contents' },
  {
    path: 'src/machine/',
    own: ['src/errors.ts'],
    packages: ['xstate'],
    because: 'the core is one pure function and a table',
  },
  {
    path: 'src/machines/',
    own: ['src/machine/', 'machines/'],
    packages: [],
    because: 'the machines are exported without the types of XState',
  },
  {
    path: 'src/trace/',
    own: [],
    packages: ['uuid', 'node:crypto'],
    because: 'ids and headers know nothing of requests',
  },
  {
    path: 'src/record/',
    own: [],
    packages: [],
    because: 'a line is written and read in one place, without side effects',
  },
  {
    path: 'src/history/',
    own: ['src/machine/', 'src/trace/', 'src/record/'],
    packages: [],
    because: 'an assessment depends on records alone',
  },
  {
    path: 'src/sinks/',
    own: ['src/record/'],
    packages: ['pino', 'node:events', 'node:fs', 'node:worker_threads'],
    because: 'a sink sees records and nothing else',
  },
  {
    path: 'src/tracking/',
    own: ['src/errors.ts', 'src/machine/', 'src/record/', 'src/sinks/', 'src/trace/'],
    packages: ['node:async_hooks', 'node:diagnostics_channel', '@pinojs/redact'],
    because: 'tracking a request needs no host',
  },
  {
    path: 'src/handlers/',
    own: ['src/errors.ts', 'src/machine/', 'src/record/', 'src/trace/', 'src/tracking/'],
    packages: ['node:http', 'node:http2', 'node:net', 'node:stream'],
    because: 'handlers are the shapes of call that Node itself has',
  },
  {
    path: 'src/adapters/',
    own: ['src/errors.ts', 'src/handlers/', 'src/tracking/', 'src/trace/', 'src/adapters/_*'],
    packages: ['node:*'],
    because: 'adapters do not import each other',
  },
  {
    path: 'src/logs/',
    own: ['src/errors.ts', 'src/record/', 'src/trace/'],
    packages: [
      'node:fs',
      'node:fs/promises',
      'node:os',
      'node:stream',
      'node:timers/promises',
      'node:worker_threads',
      'node:zlib',
      'fzstd',
      'tinyglobby',
    ],
    because: 'reading a log needs no machine',
  },
  {
    path: 'src/audit/',
    own: ['src/errors.ts', 'src/machine/', 'src/record/', 'src/history/'],
    packages: [],
    because: 'histories in, findings out; no files',
  },
  {
    path: 'src/story/',
    own: ['src/machine/', 'src/trace/', 'src/record/', 'src/history/'],
    packages: [],
    because: 'histories in, narrative out; no files',
  },
  {
    path: 'src/diagrams/',
    own: ['src/machine/'],
    packages: ['@hpcc-js/wasm-graphviz'],
    because: 'a machine in, a picture out; no files',
  },
  {
    path: 'src/queries/',
    own: [
      'src/errors.ts',
      'src/machine/',
      'src/trace/',
      'src/record/',
      'src/history/',
      'src/logs/',
      'src/audit/',
      'src/story/',
    ],
    packages: [],
    because: 'what the command and programs both ask is asked in one place',
  },
  {
    path: 'src/cli/',
    own: ['src/*'],
    packages: ['*'],
    because: 'the command is the only place with arguments and exit status',
  },
]
