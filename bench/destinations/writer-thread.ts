import { Worker } from 'node:worker_threads'
import type { Destination } from './_destination.ts'
import { createRingBuffer, offsetOf, READ, RING_BYTES, WRITTEN } from './_ring-buffer.ts'

/**
 * A thread that only writes, and receives lines over shared memory. It is woken before a handler runs and after each
 * turn.
 *
 * @param program the compiled program of the thread
 */
export function writerThread(file: string, program: URL): Destination {
  const ring = createRingBuffer()
  const { counts } = ring
  const bytes = Buffer.from(ring.bytes.buffer)
  new Worker(program, { workerData: { ring, file } }).unref()
  let written = 0
  let scheduled = false
  const wake = (): void => {
    scheduled = false
    Atomics.store(counts, WRITTEN, written)
    Atomics.notify(counts, WRITTEN)
  }
  const waitForSpace = (needed: number): void => {
    for (;;) {
      const read = Atomics.load(counts, READ)
      if (((written - read) | 0) + needed <= RING_BYTES) return
      // The buffer is full: block until the thread catches up, as a synchronous write would.
      wake()
      Atomics.wait(counts, READ, read)
    }
  }
  return {
    write: (line) => {
      // Lines are ASCII: one character is one byte.
      waitForSpace(line.length)
      const offset = offsetOf(written)
      const first = Math.min(line.length, RING_BYTES - offset)
      bytes.write(line, offset, first, 'latin1')
      if (first < line.length) bytes.write(line.slice(first), 0, 'latin1')
      written = (written + line.length) | 0
      if (scheduled) return
      scheduled = true
      setImmediate(wake)
    },
    beforeHandler: wake,
    flush: wake,
    // `write` itself blocks while the buffer is full.
    drained: () => Promise.resolve(),
  }
}
