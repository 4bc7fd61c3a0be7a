import { setTimeout as after } from 'node:timers/promises'
import { STDIN } from '../files/open.ts'
import { toEntries, type LocatedEntry } from '../log-entry.ts'
import { TailedFiles } from './tail-files.ts'
import { TailedInput } from './tail-input.ts'

/** How logs are followed. */
export interface TailOptions {
  /** Ends it. */
  readonly signal: AbortSignal
  /** Passes between two rounds over the files; by default 250 ms. */
  readonly wait?: () => Promise<unknown>
  /** Is called when a round begins: what was written before is given in it. */
  readonly onRound?: () => void
  /** Is told, once each, which files there are not yet, and which cannot be read for now. */
  readonly onWarning?: (sentence: string) => void
}

const BETWEEN_ROUNDS_MS = 250

/** A stream that never pauses is taken to be up to date after so many rounds. */
const MAX_BUSY_ROUNDS = 40

/**
 * Reads what is in logs and then what comes, for ever: through rotation by renaming or copying, truncation and deletion.
 * Every whole line comes once; a line without its line feed waits for it. What is packed is read once.
 *
 * An empty batch says that all that was there when the round began has been given, and comes once for each round. Lines
 * of several files come in order of time, as far as a chunk of each allows. Ends by the signal, or with standard input
 * where that is all.
 *
 * @param names files, which need not be there yet; globs, which are looked up again and again; `-` for standard input
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a folder, or where standard input cannot be read
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
      // What is piped in may be the first half of something: that it pauses says that it is up to date.
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
