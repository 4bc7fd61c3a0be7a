import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './child.ts'
import { figure } from './figures.ts'
import type { ServerVariant } from './http-servers.ts'

const NEWLINE = 10

/** A server in its own process, and the two files that it can write to. */
export class RunningServer {
  readonly #child: Child
  readonly #files: readonly string[]
  #port = 0

  /** @param folder where its files are made */
  constructor({ program }: ServerVariant, folder: string) {
    const [stdout, log] = [join(folder, `${program}.out`), join(folder, `${program}.log`)]
    this.#files = [stdout, log]
    for (const file of this.#files) writeFileSync(file, '')
    this.#child = new Child(`servers/${program}`, { args: [log], stdout })
  }

  get port(): number {
    return this.#port
  }

  async listen(): Promise<void> {
    this.#port = figure(await this.#child.ask('listen'), 'port')
  }

  async begin(): Promise<void> {
    await this.#child.ask('begin')
  }

  /** Lets it hand over what it has kept, and gives the processor time since `begin`, in microseconds. */
  async end(): Promise<number> {
    return figure(await this.#child.ask('end'), 'cpu')
  }

  /** Empties its files, so that the disk does not fill. Both are open for appending, so writing goes on at their start. */
  clear(): void {
    for (const file of this.#files) truncateSync(file)
  }

  lines(): string[] {
    return this.#files.flatMap((file) => readFileSync(file, 'utf8').split('\n').filter((line) => line !== ''))
  }

  countLines(): number {
    return this.#files.reduce((sum, file) => sum + newlines(readFileSync(file)), 0)
  }

  stop(): Promise<void> {
    return this.#child.stop()
  }
}

function newlines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1
  return count
}
