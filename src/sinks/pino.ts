import { EventEmitter } from 'node:events'
import { symbols, type ChildLoggerOptions, type Logger } from 'pino'
import { constantFields, levelOf, message, variableFields } from '../transition/line.ts'
import type { Sink } from '../transition/record.ts'
import { Steps } from './_steps.ts'

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
  const bound = 'service' in logger.bindings() ? {} : { service }
  const options: ChildLoggerOptions = logger.level === 'silent' || logger.isLevelEnabled('info') ? {} : { level: 'info' }
  // A note's event is anyone's word: bound beforehand, such loggers would gather without end.
  const plain: PinoLogger = logger.child(bound, options)
  // One child logger for each step: its constant fields are serialised once.
  const steps = new Steps((record) => ({ child: logger.child({ ...bound, ...constantFields(record) }, options), said: message(record) }))
  return {
    write(record) {
      if (record.lifecycle === 'transition') {
        const { child, said } = steps.of(record)
        child[levelOf(record.lifecycle, record.outcome)](variableFields(record), said)
      } else plain[levelOf(record.lifecycle)]({ ...constantFields(record), ...variableFields(record) }, message(record))
    },
    flush: () => logger.flush(),
  }
}

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
