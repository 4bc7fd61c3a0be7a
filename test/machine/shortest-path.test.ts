import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMachine } from 'xstate'
import { getSimplePaths } from 'xstate/graph'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { compile } from '../../src/machine/compile.ts'
import { pathToEvent, pathToFinal, pathToState } from '../../src/machine/shortest-path.ts'
import { step, type Edge, type TransitionTable } from '../../src/machine/table.ts'
import { EVENTS, nestedMachine } from '../arbitraries.ts'

const table = compile(requestMachine)

function events(path: readonly Edge[] | undefined): string[] | undefined {
  return path?.map(({ event }) => event)
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

describe('the shortest path', () => {
  test('leads to the event or to a final state', () => {
    expect(events(pathToEvent(table, 'Received', 'RESPOND'))).toEqual(['AUTH_OK', 'PROCESS', 'RESPOND'])
    expect(events(pathToEvent(table, 'Received', 'COMPLETE'))).toEqual(['AUTH_OK', 'PROCESS', 'ENQUEUE', 'COMPLETE'])
    expect(events(pathToEvent(table, 'Processing', 'RESPOND'))).toEqual(['RESPOND'])
    expect(events(pathToFinal(table, 'Authenticated'))).toEqual(['PROCESS', 'RESPOND'])
    expect(events(pathToState(table, 'Authenticated', 'Queued'))).toEqual(['PROCESS', 'ENQUEUE'])
    expect(events(pathToEvent(compile(requestWithRetriesMachine), 'Received', 'FAIL'))).toEqual(['AUTH_OK', 'FAIL'])
  })

  test('is undefined if there is no path', () => {
    expect(pathToEvent(table, 'Queued', 'RESPOND')).toBeUndefined()
    expect(pathToEvent(table, 'Responded', 'RESPOND')).toBeUndefined()
    expect(pathToEvent(table, 'Received', 'NO_SUCH_EVENT')).toBeUndefined()
    expect(pathToEvent(table, 'NoSuchState', 'RESPOND')).toBeUndefined()
    expect(pathToFinal(table, 'Failed')).toBeUndefined()
    expect(pathToState(table, 'Queued', 'Responded')).toBeUndefined()
    expect(pathToState(table, 'NoSuchState', 'Failed')).toBeUndefined()
  })

  test('is undefined from a state to itself, even if a transition leads back to it', () => {
    const retries = compile(requestWithRetriesMachine)
    expect(pathToState(retries, 'Queued', 'Queued')).toBeUndefined()
    expect(events(pathToState(retries, 'Working', 'Queued'))).toEqual(['RETRY'])
  })

  test('is frozen, and found once', () => {
    for (const find of [
      () => pathToEvent(table, 'Received', 'RESPOND'),
      () => pathToState(table, 'Received', 'Responded'),
      () => pathToFinal(table, 'Authenticated'),
    ]) {
      const path = find()
      expect(path?.length).toBeGreaterThan(1)
      expect(Object.isFrozen(path)).toBe(true)
      expect(find()).toBe(path)
    }
  })

  test('does not mix up goals of different kinds with the same name', () => {
    const machine = createMachine({
      initial: 'A',
      states: { A: { on: { B: 'C' } }, C: { on: { NEXT: 'B' } }, B: { type: 'final' } },
    })
    const same = compile(machine)
    expect(events(pathToEvent(same, 'A', 'B'))).toEqual(['B'])
    expect(events(pathToState(same, 'A', 'B'))).toEqual(['B', 'NEXT'])
    expect(events(pathToFinal(same, 'A'))).toEqual(['B', 'NEXT'])
  })

  test('is connected, and there is no shorter one, on any machine', () => {
    fc.assert(
      fc.property(nestedMachine, (machine) => {
        const random = compile(machine)
        for (const { name } of random.states) {
          for (const event of EVENTS)
            expectShortest(random, name, pathToEvent(random, name, event), (edge) => edge.event === event)
          expectShortest(random, name, pathToFinal(random, name), (edge) => edge.final)
          for (const { name: target } of random.states) {
            if (target === name) expect(pathToState(random, name, target)).toBeUndefined()
            else expectShortest(random, name, pathToState(random, name, target), (edge) => edge.to === target)
          }
        }
      }),
    )
  })
})

function expectShortest(
  random: TransitionTable,
  start: string,
  path: readonly Edge[] | undefined,
  isGoal: (edge: Edge) => boolean,
): void {
  expect(path?.length).toBe(distance(random, start, isGoal))
  let state = start
  for (const edge of path ?? []) {
    expect(step(random, state, edge.event)).toBe(edge)
    state = edge.to
  }
  if (path !== undefined) expect(path.findIndex(isGoal)).toBe(path.length - 1)
}

/** The length of the shortest path by Bellman-Ford: slow, and unlike the search under test. */
function distance(
  { states, edges }: TransitionTable,
  start: string,
  isGoal: (edge: Edge) => boolean,
): number | undefined {
  const steps = new Map([[start, 0]])
  for (let round = states.length; round > 0; round--) {
    for (const { from, to } of edges)
      steps.set(to, Math.min(steps.get(to) ?? Infinity, (steps.get(from) ?? Infinity) + 1))
  }
  const least = Math.min(...edges.filter(isGoal).map(({ from }) => (steps.get(from) ?? Infinity) + 1))
  return Number.isFinite(least) ? least : undefined
}
