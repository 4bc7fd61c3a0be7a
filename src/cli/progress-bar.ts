import type { Io } from './io.ts'

/** Shows on a terminal how much has been read. */
export interface Progress {
  update(bytes: number, total: number): void
  stop(): void
}

const MEGABYTE = 1_000_000
/** A shorter reading shows no bar. */
const DELAY_MS = 500

/** By default the clock of the process and stderr. */
export interface BarOptions {
  /** Milliseconds. */
  readonly now?: () => number
  readonly stream?: NodeJS.WritableStream
}

/** Shows rate and remaining time on stderr, if stderr is a terminal and the reading takes more than a short time. */
export function progressBar(
  { watched }: Pick<Io, 'watched'>,
  { now = () => performance.now(), stream = process.stderr }: BarOptions = {},
): Progress {
  if (!watched) return { update: () => undefined, stop: () => undefined }
  const start = now()
  let stopped = false
  let bar: Promise<Bar> | undefined
  return {
    update(bytes, total) {
      const ms = now() - start
      if (bar === undefined && ms < DELAY_MS) return
      bar ??= startBar(total, stream)
      const rate = (bytes / MEGABYTE / (ms / 1_000)).toFixed(0)
      void bar.then((shown) => {
        if (!stopped) shown.update(Math.round(bytes / MEGABYTE), { rate })
      })
    },
    stop() {
      stopped = true
      void bar?.then((shown) => {
        shown.stop()
      })
    },
  }
}

interface Bar {
  update(value: number, payload: object): void
  stop(): void
}

/** The package is loaded only if the bar is shown. */
async function startBar(total: number, stream: NodeJS.WritableStream): Promise<Bar> {
  const { SingleBar } = (await import('cli-progress')).default
  const bar = new SingleBar({
    format: '{bar} {percentage}% of {total} MB, {rate} MB/s, {eta_formatted} left',
    clearOnComplete: true,
    hideCursor: true,
    stream,
  })
  bar.start(Math.round(total / MEGABYTE), 0, { rate: 0 })
  return bar
}
