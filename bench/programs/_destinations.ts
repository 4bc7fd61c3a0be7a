import type { Destination, DestinationName } from '../destinations/_destination.ts'
import { pinoAsynchronous, pinoTransport } from '../destinations/pino.ts'
import { noOutput, perLine, perTurn } from '../destinations/synchronous.ts'
import { writerThread } from '../destinations/writer-thread.ts'

const FACTORIES: Readonly<Record<DestinationName, (file: string) => Destination>> = {
  none: noOutput,
  line: perLine,
  entry: (file) => perTurn(file, true),
  turn: (file) => perTurn(file, false),
  'pino-asynchronous': pinoAsynchronous,
  'pino-transport': pinoTransport,
  // The compiled programs are in one folder.
  'writer-thread': (file) => writerThread(file, new URL('./writer-thread.js', import.meta.url)),
}

/** Opens the destination that the arguments of this process name: its name and its file. */
export function openDestination([name, file = '']: readonly string[]): Destination {
  const factory = Object.entries(FACTORIES).find(([candidate]) => candidate === name)?.[1]
  if (factory === undefined) throw new Error(`there is no destination ${String(name)}`)
  return factory(file)
}

type RequestLines = readonly [received: string, authenticated: string, processing: string, responded: string]

/** The lines of one request, as long as throughline's. */
export function createLines(request: number): RequestLines {
  return [
    createLine(request, 'Received'),
    createLine(request, 'Authenticated'),
    createLine(request, 'Processing'),
    createLine(request, 'Responded'),
  ]
}

/** Writes the lines that precede the handler. */
export function startRequest(destination: Destination, [received, authenticated]: RequestLines): void {
  destination.write(received)
  destination.write(authenticated)
  destination.beforeHandler()
}

/** Writes all lines of a request. */
export function serveRequest(destination: Destination, request: number): void {
  const lines = createLines(request)
  const [, , processing, responded] = lines
  startRequest(destination, lines)
  destination.write(processing)
  destination.write(responded)
}

export const LINE_BYTES = 300

const PADDING = 'x'.repeat(LINE_BYTES)

function createLine(request: number, state: string): string {
  const start = `{"level":30,"time":1795398182643,"state":"${state}","request":${request},"rest":"`
  return `${start}${PADDING.slice(0, LINE_BYTES - start.length - 3)}"}\n`
}
