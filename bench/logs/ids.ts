import type { IdKind } from './options.ts'
import type { Random } from './random.ts'

/** A new trace id of a kind: one of version 7 tells that the trace was born at `time`, in epoch milliseconds. */
export function traceIdOf(kind: IdKind, time: number, index: number, random: Random): string {
  if (kind === 'text') return `order-${index.toString(36)}-${random.digits()}${random.digits()}`
  const variant = VARIANTS[random.below(4)] ?? ''
  const tail = `${random.digits()}${random.digits()}${random.digits()}`
  if (kind === 'v4') return `${random.digits()}${random.digits()}-${random.digits()}-4${random.digits().slice(1)}-${variant}${random.digits().slice(1)}-${tail}`
  const born = Math.floor(time).toString(16).padStart(12, '0')
  return `${born.slice(0, 8)}-${born.slice(8)}-7${random.digits().slice(1)}-${variant}${random.digits().slice(1)}-${tail}`
}

const VARIANTS = '89ab'

/** A new request id: 16 hex digits. */
export function requestIdOf(random: Random): string {
  return random.digits() + random.digits() + random.digits() + random.digits()
}
