import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { getSimplePaths } from 'xstate/graph'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { compile } from '../../src/machine/compile.ts'
import { pathToEvent, pathToFinal } from '../../src/machine/shortest-path.ts'
import { step, type Edge, type TransitionTable } from '../../src/machine/table.ts'
import { EVENTS, nestedMachine } from '../arbitraries.ts'

const table = compile(requestMachine)

function events(way: readonly Edge[] | undefined): string[] | undefined {
  return way?.map(({ event }) => event)
}

test('the simple paths of the default machine are the expected ones, in XState and in the table', () => {
  const paths = getSimplePaths(requestMachine).map(({ steps }) =>
    steps.map(({ event }) => event.type).filter((type) => type !== 'xstate.init'),
  )
  const expected = [
    [],
    ['AUTH_OK'],
    ['AUTH_OK', 'PROCESS'],
    ['AUTH_OK', 'PROCESS', 'ENQUEUE'],
    ['AUTH_OK', 'PROCESS', 'ENQUEUE', 'COMPLETE'],
    ['AUTH_OK', 'PROCESS', 'RESPOND'],
    ['AUTH_ERROR'],
  ]
  expect(paths.map((path) => path.join(' ')).sort()).toEqual(expected.map((path) => path.join(' ')).sort())
  const ends = expected.map((path) =>
    path.reduce<string | undefined>((state, event) => step(table, state ?? '', event)?.to, table.initial),
  )
  expect(ends).toEqual(['Received', 'Authenticated', 'Processing', 'Queued', 'Completed', 'Responded', 'Failed'])
})

describe('route', () => {
  test('gives the way by which a request that is behind catches up', () => {
    expect(events(pathToEvent(table, 'Received', 'RESPOND'))).toEqual(['AUTH_OK', 'PROCESS', 'RESPOND'])
    expect(events(pathToEvent(table, 'Received', 'COMPLETE'))).toEqual(['AUTH_OK', 'PROCESS', 'ENQUEUE', 'COMPLETE'])
    expect(events(pathToEvent(table, 'Processing', 'RESPOND'))).toEqual(['RESPOND'])
    expect(events(pathToFinal(table, 'Authenticated'))).toEqual(['PROCESS', 'RESPOND'])
    expect(events(pathToEvent(compile(requestWithRetriesMachine), 'Received', 'FAIL'))).toEqual(['AUTH_OK', 'FAIL'])
  })

  test('gives none where no way leads', () => {
    expect(pathToEvent(table, 'Queued', 'RESPOND')).toBeUndefined()
    expect(pathToEvent(table, 'Responded', 'RESPOND')).toBeUndefined()
    expect(pathToEvent(table, 'Received', 'NO_SUCH_EVENT')).toBeUndefined()
    expect(pathToEvent(table, 'NoSuchState', 'RESPOND')).toBeUndefined()
    expect(pathToFinal(table, 'Failed')).toBeUndefined()
  })

  test('on any machine is a connected way, and there is no shorter one', () => {
    fc.assert(
      fc.property(nestedMachine, (machine) => {
        const random = compile(machine)
        for (const { name } of random.states) {
          for (const event of EVENTS)
            expectShortest(random, name, pathToEvent(random, name, event), (edge) => edge.event === event)
          expectShortest(random, name, pathToFinal(random, name), (edge) => edge.final)
        }
      }),
    )
  })
})

function expectShortest(
  random: TransitionTable,
  start: string,
  way: readonly Edge[] | undefined,
  reached: (edge: Edge) => boolean,
): void {
  expect(way?.length).toBe(distance(random, start, reached))
  let state = start
  for (const edge of way ?? []) {
    expect(step(random, state, edge.event)).toBe(edge)
    state = edge.to
  }
  if (way !== undefined) expect(way.findIndex(reached)).toBe(way.length - 1)
}

/** By relaxing all edges until nothing changes (Bellman and Ford): slow, and nothing like the search under test. */
function distance(
  { states, edges }: TransitionTable,
  start: string,
  reached: (edge: Edge) => boolean,
): number | undefined {
  const steps = new Map([[start, 0]])
  for (let round = states.length; round > 0; round--) {
    for (const { from, to } of edges)
      steps.set(to, Math.min(steps.get(to) ?? Infinity, (steps.get(from) ?? Infinity) + 1))
  }
  const least = Math.min(...edges.filter(reached).map(({ from }) => (steps.get(from) ?? Infinity) + 1))
  return Number.isFinite(least) ? least : undefined
}
