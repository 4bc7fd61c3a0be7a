import fc from 'fast-check'

// Random trees of calls, and their logs. What is lost is known from the tree alone: nothing here uses the library.

/** One request, and the calls that it makes. */
interface Node {
  readonly service: string
  /** Whether its id ends in 000, and its calls are numbered. */
  readonly numbered: boolean
  /** Whether it is handed off after some of its calls, to this worker. */
  readonly worker: string | undefined
  /** The deliveries to the worker. */
  readonly attempts: number
  /** The calls that it makes itself, and those of each attempt. */
  readonly calls: readonly Node[]
  readonly attemptCalls: readonly (readonly Node[])[]
}

const SERVICES = ['gateway', 'auth', 'catalog', 'orders', 'mail', 'billing']

const service = fc.constantFrom(...SERVICES)

const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.record({
    service,
    numbered: fc.boolean().map((other) => !other),
    worker: fc.option(service, { nil: undefined }),
    attempts: fc.integer({ min: 1, max: 3 }),
    calls: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant([]),
      fc.array(tie('node'), { maxLength: 4 }),
    ),
    attemptCalls: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant([]),
      fc.array(fc.array(tie('node'), { maxLength: 2 }), { maxLength: 3 }),
    ),
  }),
}))

type Line = Readonly<Record<string, unknown>>

/** A lost call, as `trace request attempt call of`. */
export type LostCallKey = string

/** The log of one trace or several, and what it shows of calls. */
export interface CallLog {
  readonly traces: readonly string[]
  /** In any order. */
  readonly lines: readonly Line[]
  readonly lost: readonly LostCallKey[]
  /** By service how many numbered calls its lines count. */
  readonly sent: ReadonlyMap<string, number>
  /** For each request whose caller is in the log: the caller, and the number of the call if it has one. */
  readonly callers: ReadonlyMap<string, readonly [caller: string, call: number | null]>
}

class Writer {
  readonly lines: Line[] = []
  readonly lost: LostCallKey[] = []
  readonly sent = new Map<string, number>()
  readonly callers = new Map<string, readonly [string, number | null]>()
  readonly #silenced: ReadonlySet<string>
  #ids = 0
  #time = 1_790_000_000_000

  constructor(silenced: readonly string[]) {
    this.#silenced = new Set(silenced)
  }

  request(
    node: Node,
    trace: string,
    parent?: { readonly id: string; readonly caller: readonly [string, number | null] | undefined },
  ): void {
    const digits = (0xb7ad6b7169203n + BigInt(++this.#ids) * 0x1f3n).toString(16)
    const id = node.numbered ? `${digits}000` : `${digits}5a5`
    if (this.#logs(node.service) && parent?.caller !== undefined) this.callers.set(id, parent.caller)
    const write = (fields: Line, by = node.service): void => {
      if (this.#logs(by))
        this.lines.push({
          lifecycle: 'transition',
          time: ++this.#time,
          service: by,
          trace_id: trace,
          request_id: id,
          ...fields,
        })
    }
    write({ seq: 0, state: 'Received', ...(parent === undefined ? {} : { parent_id: parent.id }) })
    write({ seq: 1, event: 'AUTH_OK', from: 'Received', state: 'Authenticated' })
    write({ seq: 2, event: 'PROCESS', from: 'Authenticated', state: 'Processing' })
    const callerLogs = this.#logs(node.service) || (node.worker !== undefined && this.#logs(node.worker))
    const own = this.#calls(node, node.calls, trace, id, undefined, node.service, callerLogs)
    if (node.worker === undefined) {
      write({ seq: 3, event: 'RESPOND', from: 'Processing', state: 'Responded', outcome: 'ok', ...own })
      return
    }
    write({ seq: 3, event: 'ENQUEUE', from: 'Processing', state: 'Queued', ...own })
    for (let attempt = 1; attempt <= node.attempts; attempt += 1) {
      const calls = node.attemptCalls[attempt - 1] ?? []
      const last = attempt === node.attempts
      // An attempt that is retried writes no line that counts its calls, so nothing is claimed of them.
      const count = this.#calls(node, calls, trace, id, attempt, last ? node.worker : undefined, callerLogs)
      if (last)
        write(
          { seq: 4, event: 'COMPLETE', from: 'Queued', state: 'Completed', outcome: 'ok', attempt, ...count },
          node.worker,
        )
      else write({ lifecycle: 'note', event: 'RETRY', state: 'Queued', attempt }, node.worker)
    }
  }

  /** @param counting the service whose line counts the calls */
  #calls(
    { numbered }: Node,
    children: readonly Node[],
    trace: string,
    id: string,
    attempt: number | undefined,
    counting: string | undefined,
    callerLogs: boolean,
  ): Line {
    for (const [index, child] of children.entries()) {
      const call = index + 1
      const number = attempt === undefined ? call : 0x800 + (attempt - 1) * 0x100 + call
      const parentId = numbered ? `${id.slice(0, 13)}${number.toString(16).padStart(3, '0')}` : id
      this.request(child, trace, {
        id: parentId,
        caller: callerLogs ? [id, numbered ? call : null] : undefined,
      })
      if (numbered && counting !== undefined && this.#logs(counting) && !this.#logs(child.service))
        this.lost.push([trace, id, attempt ?? '-', call, children.length].join(' '))
    }
    if (!numbered || children.length === 0) return {}
    if (counting !== undefined && this.#logs(counting))
      this.sent.set(counting, (this.sent.get(counting) ?? 0) + children.length)
    return { calls: children.length }
  }

  #logs(service: string): boolean {
    return !this.#silenced.has(service)
  }
}

/** Logs of random calls, of which some services left no line. */
export const callLog: fc.Arbitrary<CallLog> = fc
  .record({
    trees: fc.array(node, { minLength: 1, maxLength: 3 }),
    silenced: fc.subarray(SERVICES, { maxLength: 3 }),
  })
  .chain(({ trees, silenced }) => {
    const writer = new Writer(silenced)
    const traces = trees.map((_, index) =>
      index === 1 ? `order:${String(index)}` : `019a2b3c-4d5e-7f60-8a1b-00000000000${String(index)}`,
    )
    for (const [index, tree] of trees.entries()) writer.request(tree, traces[index] ?? '')
    const { lines, lost, sent, callers } = writer
    return fc
      .shuffledSubarray(lines, { minLength: lines.length, maxLength: lines.length })
      .map((shuffled) => ({ traces, lines: shuffled, lost: [...lost].sort(), sent, callers }))
  })
