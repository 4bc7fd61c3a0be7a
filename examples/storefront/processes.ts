import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A service that runs: where it is to be found, and how it is ended. */
export interface Service {
  readonly address: string
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** What a command printed, and how it ended. */
export interface Ended {
  readonly status: number | null
  readonly stdout: string
}

/** How long a service may take to end by itself. */
const MOST_ENDING_MS = 5_000

/** Every process that the demo starts: none of them outlives it. */
export class Processes {
  readonly #running = new Set<ChildProcess>()
  /** Those whose end is no fault. */
  readonly #ending = new WeakSet<ChildProcess>()
  readonly #services: Service[] = []
  #stopping = false
  #reportFault: (fault: Error) => void = () => undefined

  /** Rejects as soon as a service ends that was not told to. */
  readonly fault = new Promise<never>((_resolve, reject) => (this.#reportFault = reject))

  constructor() {
    // Who waits for it hears of it; where nobody waits any more there is nothing to tell.
    this.fault.catch(() => undefined)
  }

  /** True from the moment when everything is told to end. */
  get stopping(): boolean {
    return this.#stopping
  }

  /** Starts a service of this folder, and waits until it is ready. */
  async start(name: string, settings: Readonly<Record<string, string>>): Promise<Service> {
    this.#refuseAfterStop()
    const child = fork(fileURLToPath(new URL(`${name}.ts`, import.meta.url)), {
      // Found from here, not from the folder that the demo was started in.
      execArgv: ['--import', import.meta.resolve('tsx')],
      env: { ...process.env, ...settings },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#keep(child)
    child.once('exit', (status, signal) => {
      if (!this.#ending.has(child)) this.#reportFault(new Error(`the ${name} ended by itself with ${signal ?? `status ${String(status)}`}`))
    })
    const told = (await Promise.race([once(child, 'message'), this.fault])) as [{ address: string }]
    const service = { address: told[0].address, end: (signal: NodeJS.Signals) => this.#end(child, signal) }
    this.#services.push(service)
    return service
  }

  /** Runs a command of Node to its end; what it prints is passed on, or returned. */
  async run(args: readonly string[], output: 'inherit' | 'pipe'): Promise<Ended> {
    this.#refuseAfterStop()
    const child = spawn(process.execPath, args, { stdio: ['ignore', output, 'inherit'] })
    this.#keep(child)
    let stdout = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    await once(child, 'close')
    return { status: child.exitCode, stdout }
  }

  /** Ends all services, the youngest first, and kills whatever is left. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const service of this.#services.splice(0).reverse()) await service.end('SIGTERM')
    await Promise.all([...this.#running].map((child) => this.#end(child, 'SIGKILL')))
  }

  async #end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    this.#ending.add(child)
    if (!this.#running.has(child)) return
    const exited = once(child, 'exit')
    child.kill(signal)
    const killer = setTimeout(() => child.kill('SIGKILL'), MOST_ENDING_MS)
    await exited
    clearTimeout(killer)
  }

  #keep(child: ChildProcess): void {
    this.#running.add(child)
    child.once('exit', () => this.#running.delete(child))
  }

  #refuseAfterStop(): void {
    if (this.#stopping) throw new Error('the demo is ending')
  }
}
