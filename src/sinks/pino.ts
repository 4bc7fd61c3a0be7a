import { EventEmitter } from 'node:events'
import { destination, pino, symbols, type ChildLoggerOptions, type Logger } from 'pino'
import { constantFields, levelOf, message, variableFields } from '../transition/line.ts'
import type { LifecycleRecord, Sink, TransitionRecord } from '../transition/record.ts'

/** The part of a pino logger that is used; any pino, of any configuration, has it. */
export type PinoLogger = Logger

/**
 * A sink that writes one line per record to a pino logger of the user's.
 *
 * Lines are written whatever the logger's level (an audit needs all of them), except where it is `silent`.
 * A `service` that the logger already binds is left as it is: no key is ever written twice.
 *
 * @param onError told of an `error` of the logger's stream, which unheard would end the process
 */
export function pinoSink(logger: PinoLogger, service: string, onError: (error: unknown) => void): Sink {
  listen(logger, onError)
  const loggerFor = children(logger, service)
  return {
    write(record) {
      const level = levelOf(record.lifecycle, record.lifecycle === 'transition' ? record.outcome : undefined)
      if (record.lifecycle === 'transition') loggerFor(record)[level](variableFields(record), message(record))
      // A note's event is anyone's word: bound beforehand, such loggers would gather without end.
      else loggerFor()[level]({ ...constantFields(record), ...variableFields(record) }, message(record))
    },
    flush: () => logger.flush(),
  }
}

/**
 * The sink used where the user gives no logger: NDJSON on standard output, each line handed to the operating
 * system before the call returns, so that the lines of a request are out before its handler runs.
 *
 * @param onError told of a destination that fails (a full disk, a closed pipe); lines are kept and tried again
 * @param dest a file descriptor or a file's name
 */
export function standardSink(service: string, onError: (error: unknown) => void, dest: number | string = 1): Sink {
  const stdout = destination({ dest, sync: true, maxLength: MOST_KEPT_BYTES })
  let time = 0
  const logger: PinoLogger = pino({ base: null, timestamp: () => `,"time":${String(time)}` }, stdout)
  const sink = pinoSink(logger, service, onError)
  return {
    write(record) {
      time = record.time
      sink.write(record)
    },
    // Each line is out already, but for what a failing destination has not taken: that is tried once more. SonicBoom's
    // own flushSync would try a full disk for ever, and with it hold up the end of the process.
    flush: () => void stdout.write(''),
  }
}

/** What is kept for a destination that takes nothing: beyond it lines are dropped, so that memory stays bounded. */
const MOST_KEPT_BYTES = 16 * 1_024 * 1_024

type OnError = (error: unknown) => void

/** Who is told of a stream's errors: one listener serves all trackers that share a logger, however many they are. */
const told = new WeakMap<object, Set<OnError>>()

function listen(logger: PinoLogger, onError: OnError): void {
  const stream: unknown = Reflect.get(logger, symbols.streamSym)
  if (!(stream instanceof EventEmitter)) return
  const known = told.get(stream)
  if (known !== undefined) {
    known.add(onError)
    return
  }
  const all = new Set([onError])
  told.set(stream, all)
  stream.on('error', (error) => {
    for (const tell of all) tell(error)
  })
}

/** One child logger per edge of the machine, made when it is first taken: its constant fields are serialised once. */
function children(logger: PinoLogger, service: string): (record?: TransitionRecord) => PinoLogger {
  const bound = 'service' in logger.bindings() ? {} : { service }
  const options: ChildLoggerOptions = logger.level === 'silent' || logger.isLevelEnabled('info') ? {} : { level: 'info' }
  const plain: PinoLogger = logger.child(bound, options)
  const byEdge = new Map<string, PinoLogger>()
  return (record) => {
    if (record === undefined) return plain
    const edge = edgeKey(record)
    let child = byEdge.get(edge)
    if (child === undefined) byEdge.set(edge, (child = logger.child({ ...bound, ...constantFields(record) }, options)))
    return child
  }
}

function edgeKey({ from, event, state }: LifecycleRecord & { readonly from?: string }): string {
  return `${from ?? ''}\n${event ?? ''}\n${state}`
}
