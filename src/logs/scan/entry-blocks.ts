import type { RecordBlock, RecordKind } from '../../record/record-batch.ts'
import { addCallFact, type CallFact } from '../../record/call-facts.ts'
import type { PartialRecord } from '../../record/partial-record.ts'
import type { LocatedEntry } from '../log-entry.ts'
import { BatchWriter } from './batch-writer.ts'
import { RequestGrouper } from './group-by-request.ts'

/** Converts parsed entries into blocks of records. */
export class EntryBlocks {
  readonly #writer = new BatchWriter()
  readonly #grouper = new RequestGrouper()
  readonly #kinds: RecordKind[] = []
  readonly #files = new Map<string, { blocks: number; lines: number }>()

  readonly #withCalls: boolean

  /** @param withCalls whether blocks have facts about calls */
  constructor(withCalls = false) {
    this.#withCalls = withCalls
  }

  /** One block for each file of the batch. */
  toBlocks(entries: readonly LocatedEntry[]): RecordBlock[] {
    return [...new Set(entries.map((entry) => entry.file))].map((file) =>
      this.#block(
        file,
        entries.filter((entry) => entry.file === file),
      ),
    )
  }

  #block(file: string, entries: readonly LocatedEntry[]): RecordBlock {
    const known = this.#files.get(file) ?? { blocks: 0, lines: 0 }
    const partials: PartialRecord[] = []
    const callFacts: CallFact[] = []
    let [otherLines, damagedLines, startTime] = [0, 0, Infinity]
    this.#writer.reset(entries.length)
    for (const entry of entries) {
      if (entry.kind === 'record') {
        this.#writer.add(entry.record, entry.line - known.lines - 1)
        if (this.#withCalls) addCallFact(callFacts, entry.record)
        startTime = Math.min(startTime, entry.record.time)
      } else if (entry.kind === 'other') otherLines += 1
      else {
        damagedLines += 1
        if (entry.fragment !== undefined) partials.push(entry.fragment)
      }
    }
    const { kinds, extras } = this.#writer.drain()
    this.#kinds.push(...kinds)
    const grouped = this.#grouper.group(this.#writer.batch, extras)
    const lines = Math.max(0, (entries.at(-1)?.line ?? 0) - known.lines)
    this.#files.set(file, { blocks: known.blocks + 1, lines: known.lines + lines })
    return {
      ...grouped,
      kinds: this.#kinds,
      partials,
      ...(this.#withCalls ? { callFacts } : {}),
      lines,
      otherLines,
      damagedLines,
      file,
      index: known.blocks,
      startTime: Number.isFinite(startTime) ? startTime : -Infinity,
    }
  }
}
