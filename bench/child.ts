import { fork, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { once } from 'node:events'
import { compiledPath } from './compile-programs.ts'
import { splitRounds } from './interleave.ts'
import { parseNumericRecord, type NumericRecord } from './numeric-record.ts'

export interface ChildOptions {
  readonly args?: readonly string[]
  /** The file that receives its standard output, which is discarded by default. */
  readonly stdout?: string
  readonly execArgv?: readonly string[]
}

/** A program in its own process that runs commands, one at a time. */
export class Child {
  readonly #process: ChildProcess

  constructor(program: string, { args = [], stdout, execArgv = [] }: ChildOptions = {}) {
    const out = stdout === undefined ? 'ignore' : openSync(stdout, 'a')
    this.#process = fork(compiledPath(program), args, {
      execArgv: [...execArgv],
      // As in production: otherwise some packages print for humans.
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', out, 'inherit', 'ipc'],
    })
    if (typeof out === 'number') closeSync(out)
  }

  /**
   * Runs a command and returns its result.
   *
   * @throws Error if the process exits first
   */
  async call(command: string, params: NumericRecord = {}): Promise<NumericRecord> {
    this.#process.send({ command, params })
    const settled = new AbortController()
    const exit = once(this.#process, 'exit', { signal: settled.signal }).then(([code, signal]: unknown[]) => {
      throw new Error(
        `${this.#process.spawnargs.slice(1).join(' ')} exited with ${String(code ?? signal)} during the command ${command}`,
      )
    })
    const result = once(this.#process, 'message', { signal: settled.signal }).then(([message]: unknown[]) =>
      parseNumericRecord(message),
    )
    try {
      return await Promise.race([result, exit])
    } finally {
      settled.abort()
      // The abort rejects the promise that is still pending.
      for (const pending of [result, exit]) pending.catch(() => undefined)
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}

/** Starts a program, runs one command and stops the program. */
export async function callOnce(
  program: string,
  params: NumericRecord,
  { command = 'run', ...options }: ChildOptions & { readonly command?: string } = {},
): Promise<NumericRecord> {
  const child = new Child(program, options)
  try {
    return await child.call(command, params)
  } finally {
    await child.stop()
  }
}

/** Splits the rounds of the command `run` among new processes, one after the other; returns the result of each. */
export async function callInProcesses(
  program: string,
  { rounds, ...params }: NumericRecord & { readonly rounds: number },
  options: ChildOptions = {},
): Promise<readonly NumericRecord[]> {
  const results: NumericRecord[] = []
  for (const share of splitRounds(rounds)) results.push(await callOnce(program, { ...params, rounds: share }, options))
  return results
}
