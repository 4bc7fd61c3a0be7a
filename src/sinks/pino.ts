import { EventEmitter } from 'node:events'
import { constantFields, levelOf, message } from '../record/line.ts'
import type { Sink } from '../record/sink.ts'
import { variableFields } from '../record/write-fields.ts'
import { ChildLoggers } from './_child-loggers.ts'
import { PerEdgeCache } from './_per-edge-cache.ts'
import { getInternal, type PinoLogger } from './pino-internals.ts'

/**
 * A sink that writes one line per record to a user's pino logger.
 *
 * Lines are written at every level of the logger except `silent`, because an audit needs all of them. No key is written
 * twice: a `service` that the logger binds is kept, and everything else that it adds under the name of one of our
 * fields is left out.
 *
 * @param onError receives the `error` events of the logger's stream, which would otherwise end the process
 */
export function pinoSink(logger: PinoLogger, service: string, onError: (error: unknown) => void): Sink {
  listenForErrors(getInternal(logger, 'stream'), onError)
  const loggers = new ChildLoggers(logger)
  // Note events are unbounded: caching one child logger per event would leak.
  const writeNote = loggers.writer({ service })
  // One child logger per edge, which serializes the constant fields once.
  const edges = new PerEdgeCache((record) => ({
    write: loggers.writer({ service, ...constantFields(record) }),
    text: message(record),
  }))
  return {
    write(record) {
      if (record.lifecycle === 'transition') {
        const { write, text } = edges.get(record)
        write(levelOf(record.lifecycle, record.outcome), variableFields(record), text)
      } else
        writeNote(levelOf(record.lifecycle), { ...constantFields(record), ...variableFields(record) }, message(record))
    },
    flush: () => logger.flush(),
  }
}

type OnError = (error: unknown) => void

/** By stream: all trackers that share a logger share one listener on its stream. */
const errorListeners = new WeakMap<object, Set<OnError>>()

function listenForErrors(stream: unknown, onError: OnError): void {
  // pino.multistream() emits nothing itself; OpenTelemetry uses it to add a stream to the user's.
  if (hasStreams(stream)) for (const inner of stream.streams) listenForErrors(inner.stream, onError)
  if (!(stream instanceof EventEmitter)) return
  const existing = errorListeners.get(stream)
  if (existing !== undefined) {
    existing.add(onError)
    return
  }
  const listeners = new Set([onError])
  errorListeners.set(stream, listeners)
  stream.on('error', (error) => {
    for (const listener of listeners) listener(error)
  })
}

function hasStreams(stream: unknown): stream is { readonly streams: readonly { readonly stream: unknown }[] } {
  return typeof stream === 'object' && stream !== null && 'streams' in stream && Array.isArray(stream.streams)
}
