import { fileURLToPath } from 'node:url'
import type { Accepted } from './client.ts'
import type { Logs } from './logs.ts'
import type { Processes } from './processes.ts'

const COMMAND = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

/** The part of the audit's JSON that is checked here. */
interface Findings {
  readonly stuck: readonly { readonly trace_id: string; readonly state: string }[]
  readonly invalid: readonly object[]
}

/** The `throughline` command, over the logs of this run; what it prints is shown. */
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
   * Audits the logs, and compares what it finds stuck with what we know to be left behind.
   *
   * @param stuckAfter as the command takes it: how long is too long
   * @param left the orders that the audit has to name: these, and nothing else
   * @throws Error that says what the audit has accused without cause, or missed
   */
  async audit(stuckAfter: string, left: readonly Accepted[]): Promise<void> {
    const flags = ['--stuck-after', stuckAfter]
    await this.#show(left.length > 0 ? 1 : 0, 'audit', ...flags)
    const { stdout } = await this.#processes.run([COMMAND, 'audit', '--format', 'json', ...flags, ...this.#logs.files()], 'pipe')
    // The command's documented answer; were it another, the comparison below would fail.
    const { stuck, invalid } = JSON.parse(stdout) as Findings
    const found = stuck.map(({ trace_id, state }) => `${trace_id} ${state}`).sort()
    const known = left.map(({ traceId }) => `${traceId} Queued`).sort()
    if (found.join() !== known.join()) throw new Error(`the audit should name ${known.join(', ') || 'nothing'}; it names ${found.join(', ') || 'nothing'}`)
    if (invalid.length > 0) throw new Error(`the audit found invalid paths: ${JSON.stringify(invalid)}`)
  }

  async #show(expected: number, ...args: string[]): Promise<void> {
    console.log(`$ throughline ${args.join(' ')} ${this.#logs.pattern}\n`)
    const { status } = await this.#processes.run([COMMAND, ...args, ...this.#logs.files()], 'inherit')
    console.log()
    if (status !== expected) throw new Error(`throughline ${args.join(' ')} ended with status ${String(status)} instead of ${expected}`)
  }
}
