import { Worker } from 'node:worker_threads'
import { newRing, placeOf, READ, RING_BYTES, WRITTEN } from './_ring.ts'
import type { Destination } from './_destination.ts'

/**
 * A thread that does nothing but write, fed over shared memory. It is woken before a handler runs and after each turn.
 *
 * @param program the compiled program of the thread
 */
export function writerThread(file: string, program: URL): Destination {
  const ring = newRing()
  const { counts } = ring
  const bytes = Buffer.from(ring.bytes.buffer)
  new Worker(program, { workerData: { ring, file } }).unref()
  let written = 0
  let due = false
  const wake = (): void => {
    due = false
    Atomics.store(counts, WRITTEN, written)
    Atomics.notify(counts, WRITTEN)
  }
  const makeRoom = (needed: number): void => {
    for (;;) {
      const read = Atomics.load(counts, READ)
      if (((written - read) | 0) + needed <= RING_BYTES) return
      // The thread is behind: what it takes is waited for, as a synchronous write would.
      wake()
      Atomics.wait(counts, READ, read)
    }
  }
  return {
    line: (text) => {
      // The lines are ASCII: a character is a byte.
      makeRoom(text.length)
      const place = placeOf(written)
      const first = Math.min(text.length, RING_BYTES - place)
      bytes.write(text, place, first, 'latin1')
      if (first < text.length) bytes.write(text.slice(first), 0, 'latin1')
      written = (written + text.length) | 0
      if (due) return
      due = true
      setImmediate(wake)
    },
    entered: wake,
    flush: wake,
    // A line waits by itself where there is no room.
    ready: () => Promise.resolve(),
  }
}
