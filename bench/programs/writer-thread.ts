import { openSync, writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { offsetOf, READ, RING_BYTES, WRITTEN, type RingBuffer } from '../destinations/_ring-buffer.ts'

// The reading end of the ring buffer: writes its bytes to the file until the process exits.
// The cast is safe: only `writerThread` starts this program.
const { ring, file } = workerData as { readonly ring: RingBuffer; readonly file: string }
const { counts, bytes } = ring
const fd = openSync(file, 'a')
let read = 0

for (;;) {
  const written = Atomics.load(counts, WRITTEN)
  if (written === read) {
    Atomics.wait(counts, WRITTEN, read)
    continue
  }
  const offset = offsetOf(read)
  const available = Math.min((written - read) | 0, RING_BYTES - offset)
  read = (read + writeSync(fd, bytes, offset, available)) | 0
  Atomics.store(counts, READ, read)
  Atomics.notify(counts, READ)
}
