/**
 * A ring buffer in shared memory, with one thread that writes and one that reads.
 *
 * `counts` has the total of bytes written and read, modulo 2^32; their difference is the number of bytes in the buffer.
 */
export interface RingBuffer {
  readonly counts: Int32Array<SharedArrayBuffer>
  readonly bytes: Uint8Array<SharedArrayBuffer>
}

/** A power of two, which `offsetOf` relies on. */
export const RING_BYTES = 1_048_576

/** Indexes into `counts`. */
export const WRITTEN = 0
export const READ = 1

export function createRingBuffer(): RingBuffer {
  return { counts: new Int32Array(new SharedArrayBuffer(8)), bytes: new Uint8Array(new SharedArrayBuffer(RING_BYTES)) }
}

/** The offset in `bytes` of a count. */
export function offsetOf(count: number): number {
  return count & (RING_BYTES - 1)
}
