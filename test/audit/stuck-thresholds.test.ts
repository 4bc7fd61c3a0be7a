import { expect, test } from 'vitest'
import { createMachine } from 'xstate'
import { requestMachine } from '../../machines/request.ts'
import { parseStuckThresholds } from '../../src/audit/stuck-thresholds.ts'
import { compile } from '../../src/machine/compile.ts'

const table = compile(requestMachine)
const final = { Responded: Infinity, Completed: Infinity, Failed: Infinity }

test.each<[given: readonly string[], limits: Readonly<Record<string, number>>]>([
  [[], { Received: 10_000, Authenticated: 30_000, Processing: 30_000, Queued: 900_000 }],
  [['1m'], { Received: 60_000, Authenticated: 60_000, Processing: 60_000, Queued: 60_000 }],
  [['Queued=250ms'], { Received: 10_000, Authenticated: 30_000, Processing: 30_000, Queued: 250 }],
  [['Queued=2h', '1s'], { Received: 1_000, Authenticated: 1_000, Processing: 1_000, Queued: 7_200_000 }],
  [
    ['1s', 'Queued=2h', '2s', 'Queued=1d'],
    { Received: 2_000, Authenticated: 2_000, Processing: 2_000, Queued: 86_400_000 },
  ],
  [['0s'], { Received: 0, Authenticated: 0, Processing: 0, Queued: 0 }],
])('%j', (given, limits) => {
  const { states } = parseStuckThresholds(table, given)
  expect(Object.fromEntries([...states].map(([state, { stuck_after_ms }]) => [state, stuck_after_ms]))).toEqual({
    ...limits,
    ...final,
  })
})

test.each([
  ['soon', 'THROUGHLINE_BAD_DURATION', '"soon" is not a duration'],
  ['Queued=', 'THROUGHLINE_BAD_DURATION', '"" is not a duration'],
  [
    'Nowhere=1s',
    'THROUGHLINE_BAD_STATE',
    'no state "Nowhere" to be stuck in: its states are Received, Authenticated, Processing, Queued',
  ],
  ['Completed=1s', 'THROUGHLINE_BAD_STATE', 'what has ended is never stuck'],
  ['=1s', 'THROUGHLINE_BAD_STATE', 'no state ""'],
  ['queued=1s', 'THROUGHLINE_BAD_STATE', 'no state "queued"'],
])('%s is refused', (given, code, said) => {
  expect(() => parseStuckThresholds(table, [given])).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(said) as string }),
  )
})

test("a state's name may hold an equals sign", () => {
  const odd = compile(
    createMachine({ initial: 'a=b', states: { 'a=b': { on: { GO: 'end' } }, end: { type: 'final' } } }),
  )
  expect(parseStuckThresholds(odd, ['a=b=5s']).states.get('a=b')).toEqual({ stuck_after_ms: 5_000, from: 'given' })
})
