import { pino, type DestinationStream, type Logger } from 'pino'
import { setInternal } from './pino-internals.ts'

/**
 * A pino for our own lines, which holds nothing but what they say, and its clock.
 *
 * Instrumentations patch the factory: each logger that it makes then has a mixin, which writes the span in hand, and a
 * second destination. Of our lines most never come by a logger, and what one of them shows may be kept for all.
 *
 * @param timestamp gives the text of a line's time, its comma included
 */
export function isolatedPino(timestamp: () => string, destination: DestinationStream): Logger {
  const logger = pino({ base: null, timestamp }, destination)
  setInternal(logger, 'mixin', undefined)
  setInternal(logger, 'stream', destination)
  return logger
}
