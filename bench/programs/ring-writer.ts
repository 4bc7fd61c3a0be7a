import { openSync, writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { placeOf, READ, RING_BYTES, WRITTEN, type Ring } from '../destinations/_ring.ts'

// The other end of a ring: writes what comes, until the process ends.
// The cast names what the thread was started with: there is one place that starts it.
const { ring, file } = workerData as { readonly ring: Ring; readonly file: string }
const { counts, bytes } = ring
const fd = openSync(file, 'a')
let read = 0

for (;;) {
  const written = Atomics.load(counts, WRITTEN)
  if (written === read) {
    Atomics.wait(counts, WRITTEN, read)
    continue
  }
  const place = placeOf(read)
  const there = Math.min((written - read) | 0, RING_BYTES - place)
  read = (read + writeSync(fd, bytes, place, there)) | 0
  Atomics.store(counts, READ, read)
  Atomics.notify(counts, READ)
}
