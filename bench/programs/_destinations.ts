import type { Destination, DestinationName } from '../destinations/_destination.ts'
import { asynchronous, worker } from '../destinations/pino.ts'
import { gathered, nothing, perLine } from '../destinations/synchronous.ts'
import { writerThread } from '../destinations/writer-thread.ts'

const MAKERS: Readonly<Record<DestinationName, (file: string) => Destination>> = {
  nothing,
  line: perLine,
  entry: (file) => gathered(file, true),
  turn: (file) => gathered(file, false),
  'pino-asynchronous': asynchronous,
  'pino-worker': worker,
  // Compiled, the two programs lie side by side.
  'writer-thread': (file) => writerThread(file, new URL('./ring-writer.js', import.meta.url)),
}

/** The destination that this process was started for: its name, and the file that it writes to. */
export function destinationOf([name, file = '']: readonly string[]): Destination {
  const maker = Object.entries(MAKERS).find(([known]) => known === name)?.[1]
  if (maker === undefined) throw new Error(`there is no destination ${String(name)}`)
  return maker(file)
}

type Lines = readonly [received: string, authenticated: string, processing: string, responded: string]

/** The lines of one request, as long as those of throughline are. */
export function linesOf(request: number): Lines {
  return [line(request, 'Received'), line(request, 'Authenticated'), line(request, 'Processing'), line(request, 'Responded')]
}

/** What a request tells before its handler runs. */
export function enter(destination: Destination, [received, authenticated]: Lines): void {
  destination.line(received)
  destination.line(authenticated)
  destination.entered()
}

/** All that a request tells. */
export function serve(destination: Destination, request: number): void {
  const lines = linesOf(request)
  const [, , processing, responded] = lines
  enter(destination, lines)
  destination.line(processing)
  destination.line(responded)
}

export const LINE_BYTES = 300

function line(request: number, state: string): string {
  const start = `{"level":30,"time":1795398182643,"state":"${state}","request":${request},"rest":"`
  return `${start}${REST.slice(0, LINE_BYTES - start.length - 3)}"}\n`
}

const REST = 'x'.repeat(LINE_BYTES)
