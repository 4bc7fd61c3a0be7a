/** Percentiles by the nearest rank, as in the report. The report is exact up to 16,384 times. */
export interface Percentiles {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly max: number | null
}

export function percentilesOf(times: readonly number[]): Percentiles {
  const [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1].map((share) => percentile(times, share))
  return { p50: p50 ?? null, p95: p95 ?? null, p99: p99 ?? null, max: max ?? null }
}

/** The smallest time that is at least as long as this share of all; null if there is none. */
export function percentile(times: readonly number[], share: number): number | null {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? null
}
