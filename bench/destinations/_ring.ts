/**
 * A ring of bytes in shared memory, from one thread that writes to one that reads.
 *
 * `written` and `read` count bytes, wrapping at 32 bits; their difference is what lies in the ring.
 */
export const RING_BYTES = 1_048_576

/** Places in the array of integers. */
export const WRITTEN = 0
export const READ = 1

export interface Ring {
  readonly counts: Int32Array<SharedArrayBuffer>
  readonly bytes: Uint8Array<SharedArrayBuffer>
}

export function newRing(): Ring {
  return { counts: new Int32Array(new SharedArrayBuffer(8)), bytes: new Uint8Array(new SharedArrayBuffer(RING_BYTES)) }
}

/** Where a count points to. */
export function placeOf(count: number): number {
  return count & (RING_BYTES - 1)
}
