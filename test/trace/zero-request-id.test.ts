import type * as Crypto from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { isRequestId, newRequestId } from '../../src/trace/trace-id.ts'

const calls = vi.hoisted(() => ({ count: 0 }))

// The first bytes of the system's random generator are zero.
vi.mock('node:crypto', async (importOriginal) => {
  const crypto = await importOriginal<typeof Crypto>()
  const randomFillSync = (bytes: Buffer): Buffer => {
    calls.count += 1
    return calls.count === 1 ? bytes.fill(0) : crypto.randomFillSync(bytes)
  }
  return { ...crypto, randomFillSync }
})

test('a request id is not all zero, even if the random bytes are', () => {
  expect(isRequestId(newRequestId())).toBe(true)
  expect(calls.count).toBe(2)
})
