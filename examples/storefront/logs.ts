import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const SERVICES = ['gateway', 'auth', 'catalog', 'database', 'worker'] as const

/** The log folder of a run, with one file for each service. */
export class Logs {
  readonly folder = resolve(process.env.STOREFRONT_LOGS ?? fileURLToPath(new URL('../../logs', import.meta.url)))

  /** Removes only the files of an earlier run. */
  clear(): void {
    mkdirSync(this.folder, { recursive: true })
    for (const service of SERVICES) rmSync(this.#file(service), { force: true })
  }

  /** The files, as arguments for the command: relative to the folder that the demo was started in. */
  files(): string[] {
    return SERVICES.map((service) => this.#file(service))
      .filter((file) => existsSync(file))
      .map((file) => relative(process.cwd(), file))
  }

  /** The same files as a glob, for output. */
  get pattern(): string {
    return join(relative(process.cwd(), this.folder), '*.ndjson')
  }

  /** The lines of a service that contain all of these strings. */
  lines(service: (typeof SERVICES)[number], ...texts: string[]): string[] {
    return read(this.#file(service)).filter((line) => texts.every((text) => line.includes(text)))
  }

  /** What `grep -c TEXT logs/*.ndjson` prints. */
  grep(text: string): string {
    return this.files()
      .map((file) => `${file}:${read(file).filter((line) => line.includes(text)).length}`)
      .join('\n')
  }

  #file(service: string): string {
    return join(this.folder, `${service}.ndjson`)
  }
}

function read(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
}
