import { EventEmitter } from 'node:events'
import { constantFields, levelOf, message, variableFields } from '../record/line.ts'
import type { Sink } from '../record/record.ts'
import { ChildLoggers } from './_child-loggers.ts'
import { PerEdgeCache } from './_per-edge-cache.ts'
import { getInternal } from './pino-internals.ts'

/** The part of a pino logger that is used; any pino, of any version and configuration, has it. */
export interface PinoLogger {
  readonly level: string
  readonly levels: { readonly values: Readonly<Record<string, number>> }
  isLevelEnabled(level: string): boolean
  child(bindings: object, options: object): unknown
  flush(): void
}

/**
 * A sink that writes one line per record to a pino logger of the user's.
 *
 * Lines are written whatever the logger's level (an audit needs all of them), except where it is `silent`.
 * No key is ever written twice: a `service` that the logger binds is left as it is, and all else that it adds under the
 * name of a field of ours is left out.
 *
 * @param onError told of an `error` of the logger's stream, which unheard would end the process
 */
export function pinoSink(logger: PinoLogger, service: string, onError: (error: unknown) => void): Sink {
  listen(getInternal(logger, 'stream'), onError)
  const lines = new ChildLoggers(logger)
  // A note's event is anyone's word: bound beforehand, such loggers would gather without end.
  const noteWriter = lines.writer({ service })
  // One child logger for each step: its constant fields are serialised once.
  const steps = new PerEdgeCache((record) => ({
    write: lines.writer({ service, ...constantFields(record) }),
    said: message(record),
  }))
  return {
    write(record) {
      if (record.lifecycle === 'transition') {
        const { write, said } = steps.get(record)
        write(levelOf(record.lifecycle, record.outcome), variableFields(record), said)
      } else
        noteWriter(levelOf(record.lifecycle), { ...constantFields(record), ...variableFields(record) }, message(record))
    },
    flush: () => logger.flush(),
  }
}

type OnError = (error: unknown) => void

/** Who is told of a stream's errors: one listener serves all trackers that share a logger, however many they are. */
const errorListeners = new WeakMap<object, Set<OnError>>()

function listen(stream: unknown, onError: OnError): void {
  // Several streams behind one, as OpenTelemetry puts its own beside the user's: that one emits nothing itself.
  if (hasStreams(stream)) for (const behind of stream.streams) listen(behind.stream, onError)
  if (!(stream instanceof EventEmitter)) return
  const known = errorListeners.get(stream)
  if (known !== undefined) {
    known.add(onError)
    return
  }
  const all = new Set([onError])
  errorListeners.set(stream, all)
  stream.on('error', (error) => {
    for (const tell of all) tell(error)
  })
}

function hasStreams(stream: unknown): stream is { readonly streams: readonly { readonly stream: unknown }[] } {
  return typeof stream === 'object' && stream !== null && 'streams' in stream && Array.isArray(stream.streams)
}
