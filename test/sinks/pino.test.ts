import { EventEmitter } from 'node:events'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createTracker } from '../../src/handlers/track-request.ts'

/** A destination that can emit errors, as a stream does when the disk is full. */
class Destination extends EventEmitter {
  write(): boolean {
    return true
  }
}

test('trackers that share a logger share one listener on its stream, and all count its errors', () => {
  const stream = new Destination()
  const logger = pino({}, stream)
  const trackers = Array.from({ length: 20 }, (_, index) => createTracker({ service: `s${String(index)}`, logger }))
  expect(stream.listenerCount('error')).toBe(1)
  stream.emit('error', new Error('disk full'))
  expect(trackers.map(({ stats }) => stats.faults)).toEqual(trackers.map(() => 1))
})
