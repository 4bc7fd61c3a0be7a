import { audit } from './audit.ts'
import { destinations } from './destinations.ts'
import { http } from './http.ts'
import { inFlight } from './in-flight.ts'
import { lifecycle } from './lifecycle.ts'
import { memory } from './memory.ts'
import type { Question } from './question.ts'
import { size } from './size.ts'
import { startUp } from './start-up.ts'
import { step } from './step.ts'
import { story } from './story.ts'

/** All that is asked, in the order of the page. */
export const QUESTIONS: readonly Question[] = [http, step, lifecycle, memory, inFlight, startUp, size, destinations, audit, story]
