import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isDynamicPattern } from 'tinyglobby'
import { ThroughlineError } from '../../errors.ts'
import { resolveFiles, STDIN } from '../files/open.ts'
import { toEntries, type LocatedEntry } from '../log-entry.ts'
import type { NumberedLine } from '../split-lines.ts'
import { identity, TailedFile } from './tail-file.ts'
import { Checkpoints } from './checkpoint.ts'

/** Patterns are looked up this seldom, in rounds: a tree of folders takes long. */
const ROUNDS_PER_LOOKUP = 4

/** A file without a name is let go after so many rounds in which nothing came: its writer has gone over to the new one. */
const LAST_ROUNDS = 40

/** More files are not held open; those that grew last are. */
const MAX_OPEN = 256

/** What the names stand for at the moment, by identity. */
type Seen = ReadonlyMap<string, { readonly name: string; readonly stat: BigIntStats }>

/** The files that names and patterns stand for, round by round, and those that they stood for until lately. */
export class TailedFiles {
  readonly #names: readonly string[]
  readonly #onTrouble: (sentence: string) => void
  readonly #files = new Map<string, TailedFile>()
  readonly #marks = new Checkpoints(() => [...this.#files.values()].map(({ mark }) => mark))
  /** What was told of a name, so that it is told once. */
  readonly #troubles = new Map<string, string>()
  #paths: readonly string[] = []

  constructor(names: readonly string[], onTrouble: (sentence: string) => void) {
    this.#names = [...new Set(names)].filter((name) => name !== STDIN)
    this.#onTrouble = onTrouble
  }

  /**
   * What has come since the last round. What is left of a file that was renamed or deleted comes before what stands in
   * a new one.
   *
   * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a name that is a folder in the first round
   */
  async *round(round: number): AsyncGenerator<LocatedEntry[]> {
    if (round % ROUNDS_PER_LOOKUP === 0) this.#paths = await this.#lookUp()
    const seen = await this.#look(round === 0)
    const known = [...this.#files.values()]
    for (const file of known) file.name = seen.get(file.id)?.name ?? file.name
    const changed = known.filter((file) => {
      const stat = seen.get(file.id)?.stat
      return stat === undefined || file.changed(stat)
    })
    yield* this.#merged(changed, round)
    yield* this.#closeRemoved(
      known.filter(({ id }) => !seen.has(id)),
      round,
    )
    const setting = { round, marks: this.#marks, onDamage: this.#onTrouble }
    const fresh = [...seen]
      .filter(([id]) => !this.#files.has(id))
      .map(([id, { name }]) => new TailedFile(id, name, setting))
    for (const file of fresh) this.#files.set(file.id, file)
    yield* this.#merged(fresh, round)
    await this.#closeIdle()
  }

  /** Lets go of all files. */
  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close()
  }

  async #lookUp(): Promise<string[]> {
    const found = await Promise.all(
      this.#names.map(async (name) => {
        if (!isDynamicPattern(name)) return [name]
        const paths = await resolveFiles([name]).catch(() => [])
        if (paths.length === 0) this.#trouble(name, `waits for files that match ${name}: there is none yet`)
        return paths
      }),
    )
    const paths = [...new Set(found.flat())]
    for (const name of this.#troubles.keys())
      if (!paths.includes(name) && !this.#names.includes(name)) this.#troubles.delete(name)
    return paths
  }

  async #look(first: boolean): Promise<Seen> {
    const seen = new Map<string, { name: string; stat: BigIntStats }>()
    for (const name of this.#paths) {
      try {
        const found = await stat(name, { bigint: true })
        if (found.isFile()) {
          seen.set(identity(found), { name, stat: found })
          this.#troubles.delete(name)
        } else if (first) await refuse(name, found)
      } catch (error) {
        if (error instanceof ThroughlineError) throw error
        // Between two rounds of a rotation there may be no file for a moment.
        if (!isMissing(error)) this.#trouble(name, `cannot read ${name} for now: ${messageOf(error)}`)
        else if (first) this.#trouble(name, `waits for ${name}: there is no such file yet`)
      }
    }
    return seen
  }

  /** What has come in these files, always from the one whose latest record is the oldest: so they keep pace. */
  async *#merged(files: readonly TailedFile[], round: number): AsyncGenerator<LocatedEntry[]> {
    const reading = new Map(files.map((file) => [file, file.readNew()]))
    try {
      while (reading.size > 0) {
        const [file, batches] = [...reading].reduce((oldest, other) =>
          other[0].latest < oldest[0].latest ? other : oldest,
        )
        const lines = await batches.next().catch((error: unknown) => {
          this.#trouble(file.name, `cannot read ${file.name} for now: ${messageOf(error)}`)
          return { done: true as const, value: undefined }
        })
        if (lines.done === true) reading.delete(file)
        else {
          file.grown = round
          yield* this.#told(file, lines.value)
        }
      }
    } finally {
      for (const batches of reading.values()) await batches.return(undefined)
    }
  }

  *#told(file: TailedFile, lines: readonly NumberedLine[]): Generator<LocatedEntry[]> {
    const entries = toEntries(file.name, lines)
    for (const entry of entries) if (entry.kind === 'record') file.latest = Math.max(file.latest, entry.record.time)
    if (entries.length > 0) yield entries
  }

  async *#closeRemoved(files: readonly TailedFile[], round: number): AsyncGenerator<LocatedEntry[]> {
    for (const file of files) {
      if (file.isOpen && round - file.grown <= LAST_ROUNDS) continue
      yield* this.#told(file, file.rest())
      this.#marks.keep(file.mark)
      this.#files.delete(file.id)
      await file.close()
    }
  }

  async #closeIdle(): Promise<void> {
    const open = [...this.#files.values()].filter(({ isOpen }) => isOpen).sort((a, b) => b.grown - a.grown)
    for (const file of open.slice(MAX_OPEN)) await file.close()
  }

  #trouble(name: string, sentence: string): void {
    if (this.#troubles.get(name) === sentence) return
    this.#troubles.set(name, sentence)
    this.#onTrouble(sentence)
  }
}

/** Says of what is no file how to read it. */
async function refuse(name: string, found: BigIntStats): Promise<void> {
  if (found.isDirectory()) await resolveFiles([name])
  throw new ThroughlineError(
    'THROUGHLINE_LOG_UNREADABLE',
    `cannot follow ${name}: it is no file: redirect it into standard input, and name -`,
  )
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
