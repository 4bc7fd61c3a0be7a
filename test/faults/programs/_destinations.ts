import { destination, pino } from 'pino'
import { createTracker } from '../../../src/handlers/track-request.ts'
import type { Tracker } from '../../../src/handlers/tracker.ts'

/** How a program writes to standard output: by default, with a `durability`, or through the user's own pino. */
export const DESTINATIONS = ['default', 'line', 'turn', 'pino-sync', 'pino-async'] as const
export type Destination = (typeof DESTINATIONS)[number]

/** Creates a tracker that writes to a destination. */
export function createTrackerFor(service: string, to: Destination): Tracker {
  if (to === 'default') return createTracker({ service })
  if (to === 'line' || to === 'turn') return createTracker({ service, durability: to })
  return createTracker({ service, logger: pino(destination({ dest: 1, sync: to === 'pino-sync' })) })
}

/** The destination in a program's arguments. */
export function parseDestination(argument: string | undefined): Destination {
  const found = DESTINATIONS.find((name) => name === argument)
  if (found === undefined) throw new Error(`not a destination: ${String(argument)}`)
  return found
}
