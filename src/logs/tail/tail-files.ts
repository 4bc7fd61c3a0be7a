import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isDynamicPattern } from 'tinyglobby'
import { errorMessage, ThroughlineError } from '../../errors.ts'
import { resolveFiles, STDIN } from '../files/resolve.ts'
import { toEntries, type LocatedEntry } from '../log-entry.ts'
import type { NumberedLine } from '../split-lines.ts'
import { identity, TailedFile } from './tail-file.ts'
import { Checkpoints } from './checkpoint.ts'

/** Patterns are looked up once in so many rounds, because walking folders is slow. */
const ROUNDS_PER_LOOKUP = 4

/** A file without a name is closed after so many rounds without new lines: its writer has switched to the new file. */
const IDLE_ROUNDS = 40

/** The maximum number of open files. Those that grew last stay open. */
const MAX_OPEN = 256

/** The files that the names currently refer to, by identity. */
type CurrentFiles = ReadonlyMap<string, { readonly name: string; readonly stat: BigIntStats }>

/** The files that names and patterns refer to, round by round, and those that were recently renamed or removed. */
export class TailedFiles {
  readonly #names: readonly string[]
  readonly #onWarning: (sentence: string) => void
  readonly #files = new Map<string, TailedFile>()
  readonly #checkpoints = new Checkpoints(() => [...this.#files.values()].map(({ checkpoint }) => checkpoint))
  /** The current warning of each name, so that it is reported once. */
  readonly #warnings = new Map<string, string>()
  #paths: readonly string[] = []

  constructor(names: readonly string[], onWarning: (sentence: string) => void) {
    this.#names = [...new Set(names)].filter((name) => name !== STDIN)
    this.#onWarning = onWarning
  }

  /**
   * Reads the lines since the last round. The rest of a renamed or deleted file comes before the lines of new files.
   *
   * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE in the first round, for a name that is not a file
   */
  async *round(round: number): AsyncGenerator<LocatedEntry[]> {
    if (round % ROUNDS_PER_LOOKUP === 0) this.#paths = await this.#resolve()
    const current = await this.#findCurrent(round === 0)
    const known = [...this.#files.values()]
    for (const file of known) file.name = current.get(file.id)?.name ?? file.name
    const changed = known.filter((file) => {
      const stat = current.get(file.id)?.stat
      return stat === undefined || file.changed(stat)
    })
    yield* this.#readInTimeOrder(changed, round)
    yield* this.#closeRemoved(
      known.filter(({ id }) => !current.has(id)),
      round,
    )
    const options = { round, checkpoints: this.#checkpoints, onDamage: this.#onWarning }
    const fresh = [...current]
      .filter(([id]) => !this.#files.has(id))
      .map(([id, { name }]) => new TailedFile(id, name, options))
    for (const file of fresh) this.#files.set(file.id, file)
    yield* this.#readInTimeOrder(fresh, round)
    await this.#closeIdle()
  }

  /** Closes all files. */
  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close()
  }

  async #resolve(): Promise<string[]> {
    const found = await Promise.all(
      this.#names.map(async (name) => {
        if (!isDynamicPattern(name)) return [name]
        const paths = await resolveFiles([name]).catch(() => [])
        if (paths.length === 0) this.#warn(name, `waiting for files that match ${name}: there are none yet`)
        return paths
      }),
    )
    const paths = [...new Set(found.flat())]
    for (const name of this.#warnings.keys())
      if (!paths.includes(name) && !this.#names.includes(name)) this.#warnings.delete(name)
    return paths
  }

  async #findCurrent(first: boolean): Promise<CurrentFiles> {
    const current = new Map<string, { name: string; stat: BigIntStats }>()
    for (const name of this.#paths) {
      try {
        const found = await stat(name, { bigint: true })
        if (found.isFile()) {
          current.set(identity(found), { name, stat: found })
          this.#warnings.delete(name)
        } else if (first) await reject(name, found)
      } catch (error) {
        if (error instanceof ThroughlineError) throw error
        // During a rotation there may be no file for a short time.
        if (!isMissing(error)) this.#warn(name, `cannot read ${name} at present: ${errorMessage(error)}`)
        else if (first) this.#warn(name, `waiting for ${name}: it does not exist yet`)
      }
    }
    return current
  }

  /** Reads the new lines of files, always of the one whose latest record is the oldest, so that they stay in step. */
  async *#readInTimeOrder(files: readonly TailedFile[], round: number): AsyncGenerator<LocatedEntry[]> {
    const reading = new Map(files.map((file) => [file, file.readNew()]))
    try {
      while (reading.size > 0) {
        const [file, batches] = [...reading].reduce((oldest, other) =>
          other[0].latest < oldest[0].latest ? other : oldest,
        )
        const lines = await batches.next().catch((error: unknown) => {
          this.#warn(file.name, `cannot read ${file.name} at present: ${errorMessage(error)}`)
          return { done: true as const, value: undefined }
        })
        if (lines.done === true) reading.delete(file)
        else {
          file.lastGrowth = round
          yield* this.#parse(file, lines.value)
        }
      }
    } finally {
      for (const batches of reading.values()) await batches.return(undefined)
    }
  }

  *#parse(file: TailedFile, lines: readonly NumberedLine[]): Generator<LocatedEntry[]> {
    const entries = toEntries(file.name, lines)
    for (const entry of entries) if (entry.kind === 'record') file.latest = Math.max(file.latest, entry.record.time)
    if (entries.length > 0) yield entries
  }

  async *#closeRemoved(files: readonly TailedFile[], round: number): AsyncGenerator<LocatedEntry[]> {
    for (const file of files) {
      if (file.isOpen && round - file.lastGrowth <= IDLE_ROUNDS) continue
      yield* this.#parse(file, file.rest())
      this.#checkpoints.keep(file.checkpoint)
      this.#files.delete(file.id)
      await file.close()
    }
  }

  async #closeIdle(): Promise<void> {
    const open = [...this.#files.values()].filter(({ isOpen }) => isOpen).sort((a, b) => b.lastGrowth - a.lastGrowth)
    for (const file of open.slice(MAX_OPEN)) await file.close()
  }

  #warn(name: string, sentence: string): void {
    if (this.#warnings.get(name) === sentence) return
    this.#warnings.set(name, sentence)
    this.#onWarning(sentence)
  }
}

/** Throws the error for a name that is not a file, such as a pipe. */
async function reject(name: string, found: BigIntStats): Promise<void> {
  if (found.isDirectory()) await resolveFiles([name])
  throw new ThroughlineError(
    'THROUGHLINE_LOG_UNREADABLE',
    `cannot follow ${name}: it is not a file: redirect it to standard input and pass -`,
  )
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
