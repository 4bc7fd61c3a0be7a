import { destination, pino } from 'pino'
import { createTracker } from '../../../src/handlers/track-request.ts'
import type { Tracker } from '../../../src/handlers/tracker.ts'

/** Where the lines of a program go, always by its standard output: as set by default, by `durability`, or through a pino of the user's. */
export const DESTINATIONS = ['default', 'line', 'turn', 'own-sync', 'own-async'] as const
export type Destination = (typeof DESTINATIONS)[number]

/** A tracker that writes there. */
export function trackerFor(service: string, to: Destination): Tracker {
  if (to === 'default') return createTracker({ service })
  if (to === 'own-sync' || to === 'own-async')
    return createTracker({ service, logger: pino(destination({ dest: 1, sync: to === 'own-sync' })) })
  const options = { service, durability: to }
  return createTracker(options)
}

/** The destination that a program was called with. */
export function destinationOf(argument: string | undefined): Destination {
  const found = DESTINATIONS.find((name) => name === argument)
  if (found === undefined) throw new Error(`no destination: ${String(argument)}`)
  return found
}
