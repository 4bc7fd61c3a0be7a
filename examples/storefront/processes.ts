import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A running service. */
export interface Service {
  readonly address: string
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** A command's exit status and output. */
export interface CommandResult {
  readonly status: number | null
  readonly stdout: string
}

/** How long a service may take to stop before it is killed. */
const MAX_SHUTDOWN_MS = 5_000

/** The processes that the demo starts. None of them outlives it. */
export class Processes {
  readonly #running = new Set<ChildProcess>()
  /** Processes that are being stopped. */
  readonly #expectedToExit = new WeakSet<ChildProcess>()
  readonly #services: Service[] = []
  #stopping = false
  #reportFailure: (error: Error) => void = () => undefined

  /** Rejects as soon as a service exits that is not being stopped. */
  readonly failure = new Promise<never>((_resolve, reject) => (this.#reportFailure = reject))

  constructor() {
    // Without a listener, a late rejection would end the process.
    this.failure.catch(() => undefined)
  }

  /** True once `stop` has been called. */
  get stopping(): boolean {
    return this.#stopping
  }

  /** Starts a service of this folder and waits until it is ready. */
  async start(name: string, settings: Readonly<Record<string, string>>): Promise<Service> {
    this.#assertNotStopping()
    const child = fork(fileURLToPath(new URL(`${name}.ts`, import.meta.url)), {
      // Resolved from this file, since the demo may be started in any folder.
      execArgv: ['--import', import.meta.resolve('tsx')],
      env: { ...process.env, ...settings },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#add(child)
    child.once('exit', (status, signal) => {
      if (!this.#expectedToExit.has(child))
        this.#reportFailure(new Error(`the ${name} exited unexpectedly with ${signal ?? `status ${String(status)}`}`))
    })
    const [message] = (await Promise.race([once(child, 'message'), this.failure])) as [{ address: string }]
    const service = { address: message.address, stop: (signal: NodeJS.Signals) => this.#stop(child, signal) }
    this.#services.push(service)
    return service
  }

  /** Runs a Node command to its end. Its output is passed on (`inherit`) or returned (`pipe`). */
  async run(args: readonly string[], output: 'inherit' | 'pipe'): Promise<CommandResult> {
    this.#assertNotStopping()
    const child = spawn(process.execPath, args, { stdio: ['ignore', output, 'inherit'] })
    this.#add(child)
    let stdout = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    await once(child, 'close')
    return { status: child.exitCode, stdout }
  }

  /** Stops all services, the last started first, and kills all other processes. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const service of this.#services.splice(0).reverse()) await service.stop('SIGTERM')
    await Promise.all([...this.#running].map((child) => this.#stop(child, 'SIGKILL')))
  }

  async #stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    this.#expectedToExit.add(child)
    if (!this.#running.has(child)) return
    const exited = once(child, 'exit')
    child.kill(signal)
    const killer = setTimeout(() => child.kill('SIGKILL'), MAX_SHUTDOWN_MS)
    await exited
    clearTimeout(killer)
  }

  #add(child: ChildProcess): void {
    this.#running.add(child)
    child.once('exit', () => this.#running.delete(child))
  }

  #assertNotStopping(): void {
    if (this.#stopping) throw new Error('the demo is stopping')
  }
}
