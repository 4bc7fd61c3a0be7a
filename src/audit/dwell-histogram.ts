/** The time spent in a state, in milliseconds; null if no request has left it. */
export interface Dwell {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly max: number | null
}

/** Up to this number, times are kept exactly. */
const MAX_EXACT = 16_384
/** Above it they are bucketed by exponent and the top 10 mantissa bits: percentiles are then at most 0.1 % too high. */
const STEPS = 1_024
const MIN_BUCKET_MS = 1_023 - 11
const MAX_BUCKET_MS = 1_023 + 36
const BUCKETS = (MAX_BUCKET_MS - MIN_BUCKET_MS) * STEPS

/** Durations in bounded memory. The percentiles do not depend on the order in which they were added. */
export class DwellHistogram {
  #exact: Float64Array | undefined = new Float64Array(256)
  #buckets: { readonly counts: Float64Array; readonly longest: Float64Array } | undefined
  #count = 0

  get count(): number {
    return this.#count
  }

  add(ms: number): void {
    if (this.#exact === undefined) this.#put(ms, 1)
    else if (this.#count === MAX_EXACT) {
      this.#toBuckets()
      this.#put(ms, 1)
    } else {
      if (this.#count === this.#exact.length) {
        const wider = new Float64Array(this.#count * 2)
        wider.set(this.#exact)
        this.#exact = wider
      }
      this.#exact[this.#count] = ms
    }
    this.#count += 1
  }

  /** Percentiles by nearest rank. Each is a measured time; in a bucket, the longest one. */
  percentiles(): Dwell {
    return percentilesOf([this])
  }

  /** The times, the shortest first, each with its count. */
  *sorted(): Generator<readonly [ms: number, count: number]> {
    if (this.#exact !== undefined) for (const ms of this.#exact.slice(0, this.#count).sort()) yield [ms, 1]
    else if (this.#buckets !== undefined) {
      const { counts, longest } = this.#buckets
      for (let bucket = 0; bucket < BUCKETS; bucket += 1)
        if (counts[bucket] !== 0) yield [longest[bucket] ?? 0, counts[bucket] ?? 0]
    }
  }

  #put(ms: number, count: number): void {
    this.#buckets ??= { counts: new Float64Array(BUCKETS), longest: new Float64Array(BUCKETS).fill(-Infinity) }
    const { counts, longest } = this.#buckets
    const bucket = bucketOf(ms)
    counts[bucket] = (counts[bucket] ?? 0) + count
    if (ms > (longest[bucket] ?? 0)) longest[bucket] = ms
  }

  #toBuckets(): void {
    for (const [ms, count] of this.sorted()) this.#put(ms, count)
    this.#exact = undefined
  }
}

/** The percentiles of several histograms together. */
export function percentilesOf(all: readonly DwellHistogram[]): Dwell {
  const ranked = all.flatMap((times) => [...times.sorted()]).sort(([a], [b]) => a - b)
  const total = all.reduce((sum, { count }) => sum + count, 0)
  const rank = (share: number): number | null => {
    let left = Math.max(1, Math.ceil(share * total))
    for (const [ms, count] of ranked) if ((left -= count) <= 0) return ms
    return null
  }
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) }
}

const double = new Float64Array(1)
const halves = new Uint32Array(double.buffer)

/** The bits of a positive double sort like its value: the upper ones are the exponent and the top of the mantissa. */
function bucketOf(ms: number): number {
  if (ms <= 0) return 0
  double[0] = ms
  return Math.min(BUCKETS - 1, Math.max(0, ((halves[1] ?? 0) >>> 10) - MIN_BUCKET_MS * STEPS))
}
