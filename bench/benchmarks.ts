import { audit } from './audit.ts'
import type { Benchmark } from './benchmark.ts'
import { destinations } from './destinations.ts'
import { http } from './http.ts'
import { inFlight } from './in-flight.ts'
import { lifecycle } from './lifecycle.ts'
import { memory } from './memory.ts'
import { size } from './size.ts'
import { startUp } from './start-up.ts'
import { step } from './step.ts'
import { story } from './story.ts'

/** In the order of docs/benchmarks.md. */
export const BENCHMARKS: readonly Benchmark[] = [
  http,
  step,
  lifecycle,
  memory,
  inFlight,
  startUp,
  size,
  destinations,
  audit,
  story,
]
