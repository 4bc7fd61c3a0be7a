import { fileURLToPath } from 'node:url'
import type { Accepted } from './client.ts'
import type { Logs } from './logs.ts'
import type { Ended, Processes } from './processes.ts'

const COMMAND = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

/** The part of the audit's JSON that is checked here. */
interface Findings {
  readonly stuck: readonly { readonly trace_id: string; readonly state: string }[]
  readonly invalid: readonly object[]
}

/** The `throughline` command, over the logs of this run. */
export class Throughline {
  readonly #processes: Processes
  readonly #logs: Logs

  constructor(processes: Processes, logs: Logs) {
    this.#processes = processes
    this.#logs = logs
  }

  async diagram(): Promise<string> {
    return printed(await this.#run('diagram', '--logs', ...this.#logs.files()))
  }

  async story(traceId: string): Promise<string> {
    return printed(await this.#run('story', traceId, ...this.#logs.files()))
  }

  /**
   * Audits the logs, and compares what it finds stuck with what we know to be left behind.
   *
   * @param stuckAfter as the command takes it: how long is too long
   * @param left the orders that the audit has to name: these, and nothing else
   * @returns the table for people
   * @throws Error that says what the audit has accused without cause, or missed
   */
  async audit(stuckAfter: string, left: readonly Accepted[]): Promise<string> {
    const flags = ['--stuck-after', stuckAfter, ...this.#logs.files()]
    const table = await this.#run('audit', ...flags)
    const { status, stdout } = await this.#run('audit', '--format', 'json', ...flags)
    // Our own command's documented answer: where it were another, the comparison below would fail.
    const { stuck, invalid } = JSON.parse(stdout) as Findings
    const missed = left.filter(({ traceId }) => !stuck.some((found) => found.trace_id === traceId && found.state === 'Queued'))
    const accused = stuck.filter((found) => !left.some(({ traceId }) => traceId === found.trace_id))
    const doubled = stuck.length - accused.length - (left.length - missed.length)
    if (missed.length > 0) throw new Error(`the audit missed ${JSON.stringify(missed)}`)
    if (accused.length > 0 || doubled > 0) throw new Error(`the audit accused without cause: ${JSON.stringify(stuck)}`)
    if (invalid.length > 0) throw new Error(`the audit found invalid paths: ${JSON.stringify(invalid)}`)
    for (const got of [table.status, status]) {
      if (got !== (left.length > 0 ? 1 : 0)) throw new Error(`the audit ended with status ${String(got)} where ${left.length} orders are left`)
    }
    return table.stdout
  }

  #run(...args: string[]): Promise<Ended> {
    return this.#processes.run([COMMAND, ...args])
  }
}

function printed({ status, stdout }: Ended): string {
  if (status !== 0) throw new Error(`the command ended with status ${String(status)}: ${stdout}`)
  return stdout
}
