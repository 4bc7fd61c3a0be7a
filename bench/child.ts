import { fork, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { once } from 'node:events'
import { compiled } from './compiled.ts'
import { figuresOf, type Figures } from './figures.ts'
import { shares } from './measure.ts'

export interface ChildOptions {
  readonly args?: readonly string[]
  /** Where its standard output goes; by default nowhere. */
  readonly stdout?: string
  readonly execArgv?: readonly string[]
}

/** A program in a process of its own, which answers commands one at a time. */
export class Child {
  readonly #process: ChildProcess

  constructor(program: string, { args = [], stdout, execArgv = [] }: ChildOptions = {}) {
    const out = stdout === undefined ? 'ignore' : openSync(stdout, 'a')
    this.#process = fork(compiled(program), args, {
      execArgv: [...execArgv],
      // As in production: some packages write for people's eyes otherwise.
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', out, 'inherit', 'ipc'],
    })
    if (typeof out === 'number') closeSync(out)
  }

  /** Waits for the answer to a command. */
  async ask(command: string, figures: Figures = {}): Promise<Figures> {
    this.#process.send({ command, figures })
    const ended = new AbortController()
    const gone = once(this.#process, 'exit', { signal: ended.signal }).then(([code, signal]: unknown[]) => {
      throw new Error(`${this.#process.spawnargs.slice(1).join(' ')} ended with ${String(code ?? signal)} while it was asked to ${command}`)
    })
    const answered = once(this.#process, 'message', { signal: ended.signal }).then(([answer]: unknown[]) => figuresOf(answer))
    try {
      return await Promise.race([answered, gone])
    } finally {
      ended.abort()
      // Whichever is still waiting is rejected by that, and nobody wants to know.
      for (const left of [answered, gone]) left.catch(() => undefined)
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}

/** Starts a program, asks it one thing and ends it. */
export async function askOnce(program: string, figures: Figures, { command = 'run', ...options }: ChildOptions & { readonly command?: string } = {}): Promise<Figures> {
  const child = new Child(program, options)
  try {
    return await child.ask(command, figures)
  } finally {
    await child.stop()
  }
}

/** Asks several fresh processes, one after the other, which share the rounds. */
export async function askSeveral(program: string, { rounds, ...figures }: Figures & { readonly rounds: number }, options: ChildOptions = {}): Promise<readonly Figures[]> {
  const answers: Figures[] = []
  for (const share of shares(rounds)) answers.push(await askOnce(program, { ...figures, rounds: share }, options))
  return answers
}
