import { pino, type DestinationStream, type Logger } from 'pino'
import { setInternal } from './pino-internals.ts'

/**
 * A pino logger that adds nothing to a line but the time.
 *
 * Instrumentations patch pino's factory: every new logger gets a mixin that adds the active span, and a second
 * destination. Both are removed here. Most lines are rendered from a template without calling pino, so the fields of
 * one span would be repeated on all of them.
 *
 * @param timestamp returns the `time` field as text, with a leading comma
 */
export function isolatedPino(timestamp: () => string, destination: DestinationStream): Logger {
  const logger = pino({ base: null, timestamp }, destination)
  setInternal(logger, 'mixin', undefined)
  setInternal(logger, 'stream', destination)
  return logger
}
