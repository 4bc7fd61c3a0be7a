import { fileURLToPath } from 'node:url'
import type { AcceptedOrder } from './customers.ts'
import type { Logs } from './logs.ts'
import type { Processes } from './processes.ts'

const COMMAND = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

/** The keys of the audit's JSON that are checked here. */
interface AuditOutput {
  readonly stuck: readonly { readonly trace_id: string; readonly state: string }[]
  readonly invalid: readonly object[]
}

/** Runs the `throughline` command on the logs of this run and shows its output. */
export class Command {
  readonly #processes: Processes
  readonly #logs: Logs

  constructor(processes: Processes, logs: Logs) {
    this.#processes = processes
    this.#logs = logs
  }

  diagram(): Promise<void> {
    return this.#show(0, 'diagram', '--logs')
  }

  story(traceId: string): Promise<void> {
    return this.#show(0, 'story', traceId)
  }

  /**
   * Audits the logs and compares the stuck requests with the orders that are known to be unfinished.
   *
   * @param stuckAfter the command's `--stuck-after`
   * @param unfinished the orders that the audit must report, and nothing else
   * @throws Error that names both lists if they differ
   */
  async audit(stuckAfter: string, unfinished: readonly AcceptedOrder[]): Promise<void> {
    const flags = ['--stuck-after', stuckAfter]
    await this.#show(unfinished.length > 0 ? 1 : 0, 'audit', ...flags)
    const { stdout } = await this.#processes.run(
      [COMMAND, 'audit', '--format', 'json', ...flags, ...this.#logs.files()],
      'pipe',
    )
    // The documented output; the comparison below would fail on any other.
    const { stuck, invalid } = JSON.parse(stdout) as AuditOutput
    const found = stuck.map(({ trace_id, state }) => `${trace_id} ${state}`).sort()
    const expected = unfinished.map(({ traceId }) => `${traceId} Queued`).sort()
    if (found.join() !== expected.join())
      throw new Error(
        `the audit should report ${expected.join(', ') || 'nothing'}; it reports ${found.join(', ') || 'nothing'}`,
      )
    if (invalid.length > 0) throw new Error(`the audit found invalid paths: ${JSON.stringify(invalid)}`)
  }

  async #show(expectedStatus: number, ...args: string[]): Promise<void> {
    console.log(`$ throughline ${args.join(' ')} ${this.#logs.pattern}\n`)
    const { status } = await this.#processes.run([COMMAND, ...args, ...this.#logs.files()], 'inherit')
    console.log()
    if (status !== expectedStatus)
      throw new Error(`throughline ${args.join(' ')} ended with status ${String(status)} instead of ${expectedStatus}`)
  }
}
