import type { IdKind } from './options.ts'
import type { Random } from './random.ts'

const VARIANTS = '89ab'

/** @param time the start of the trace in epoch milliseconds, which an id of kind `v7` contains */
export function newTraceId(kind: IdKind, time: number, index: number, random: Random): string {
  if (kind === 'text') return `order-${index.toString(36)}-${random.hex4()}${random.hex4()}`
  const variant = VARIANTS[random.integer(4)] ?? ''
  const tail = `${random.hex4()}${random.hex4()}${random.hex4()}`
  if (kind === 'v4')
    return `${random.hex4()}${random.hex4()}-${random.hex4()}-4${random.hex4().slice(1)}-${variant}${random.hex4().slice(1)}-${tail}`
  const timestamp = Math.floor(time).toString(16).padStart(12, '0')
  return `${timestamp.slice(0, 8)}-${timestamp.slice(8)}-7${random.hex4().slice(1)}-${variant}${random.hex4().slice(1)}-${tail}`
}

/** 16 hex digits. */
export function newRequestId(random: Random): string {
  return random.hex4() + random.hex4() + random.hex4() + random.hex4()
}
