import { setTimeout as after } from 'node:timers/promises'
import { STDIN } from '../files/resolve.ts'
import { toEntries, type LocatedEntry } from '../log-entry.ts'
import { TailedFiles } from './tail-files.ts'
import { TailedInput } from './tail-input.ts'

/** How logs are followed. */
export interface TailOptions {
  /** Ends the reading. */
  readonly signal: AbortSignal
  /** Resolves when the next round is due; by default after 250 ms. */
  readonly wait?: () => Promise<unknown>
  /** Called when a round starts. Everything written before is read in this round. */
  readonly onRound?: () => void
  /** Called once for each file that does not exist yet, that cannot be read at present, or that is corrupted. */
  readonly onWarning?: (sentence: string) => void
}

const BETWEEN_ROUNDS_MS = 250

/** Standard input that never pauses counts as up to date after so many rounds. */
const MAX_BUSY_ROUNDS = 40

/**
 * Reads the existing lines of logs and then new ones, through rotation by renaming or copying, truncation and deletion.
 * Every whole line is read once. A line is read when its line feed is written. A compressed file is read once.
 *
 * Each round ends with an empty batch, which means that everything written before the round has been yielded. Lines of
 * several files are in order of time, as far as one chunk of each allows. The reading ends by the signal, or at the end
 * of standard input if that is the only name.
 *
 * @param names files, which need not exist yet; globs, which are looked up repeatedly; `-` for standard input
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a folder, or if standard input cannot be read
 */
export async function* tail(names: readonly string[], options: TailOptions): AsyncGenerator<LocatedEntry[]> {
  const {
    signal,
    wait = () => after(BETWEEN_ROUNDS_MS, undefined, { signal }),
    onRound,
    onWarning = () => undefined,
  } = options
  const files = new TailedFiles(names, onWarning)
  let wake = (): void => undefined
  const awake = (): void => wake()
  signal.addEventListener('abort', awake)
  const input = names.includes(STDIN) ? new TailedInput(awake) : undefined
  const onlyInput = names.every((name) => name === STDIN)
  const done = (): boolean => signal.aborted || (onlyInput && input?.ended === true)
  let busy = 0
  try {
    for (let round = 0; ; round += 1) {
      onRound?.()
      for await (const entries of files.round(round)) {
        if (signal.aborted) return
        yield entries
      }
      // More piped lines may follow at once. Only a pause shows that the input is up to date.
      if (busy === 0 || busy === MAX_BUSY_ROUNDS) {
        busy = 0
        yield []
      }
      const pause = { over: false, busy: false }
      const pass = (): void => {
        pause.over = true
        wake()
      }
      wait().then(pass, pass)
      while (!pause.over && !done()) {
        const lines = input?.drain() ?? []
        if (lines.length > 0) {
          pause.busy = true
          yield toEntries(STDIN, lines)
        } else if (!done()) await new Promise<void>((resolve) => (wake = resolve))
      }
      if (signal.aborted) return
      if (done()) {
        yield []
        return
      }
      busy = pause.busy ? busy + 1 : 0
    }
  } finally {
    signal.removeEventListener('abort', awake)
    input?.stop()
    await files.close()
  }
}
