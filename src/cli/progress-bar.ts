import type { Io } from './io.ts'

/** Tells on a terminal how far reading has come. */
export interface Progress {
  update(bytes: number, total: number): void
  stop(): void
}

const MEGABYTE = 1_000_000
/** What is done in less time needs no bar. */
const PATIENCE_MS = 500

/** What the bar is drawn with: by default the process's clock and stderr. */
export interface BarOptions {
  /** Milliseconds. */
  readonly now?: () => number
  readonly stream?: NodeJS.WritableStream
}

/** A bar on stderr with the rate and the time left, where somebody reads along and it takes long enough. */
export function progressBar(
  { watched }: Pick<Io, 'watched'>,
  { now = () => performance.now(), stream = process.stderr }: BarOptions = {},
): Progress {
  if (!watched) return { update: () => undefined, stop: () => undefined }
  const begun = now()
  let stopped = false
  let bar: Promise<Bar> | undefined
  return {
    update(bytes, total) {
      const ms = now() - begun
      if (bar === undefined && ms < PATIENCE_MS) return
      bar ??= shown(total, stream)
      const rate = (bytes / MEGABYTE / (ms / 1_000)).toFixed(0)
      void bar.then((started) => {
        if (!stopped) started.update(Math.round(bytes / MEGABYTE), { rate })
      })
    },
    stop() {
      stopped = true
      void bar?.then((started) => {
        started.stop()
      })
    },
  }
}

interface Bar {
  update(value: number, payload: object): void
  stop(): void
}

/** The package is loaded for those who see it only. */
async function shown(total: number, stream: NodeJS.WritableStream): Promise<Bar> {
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
