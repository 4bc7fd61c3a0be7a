import { expect, expectTypeOf, test } from 'vitest'
import { createActor, createMachine, setup, type AnyStateMachine } from 'xstate'
import { compile } from '../../src/machine/compile.ts'
import type { MachineLike } from '../../src/machine/machine-like.ts'
import { requestWithRetriesMachine } from '../../src/machines/request-with-retries.ts'
import { requestMachine } from '../../src/machines/request.ts'

test('a machine of createMachine() is accepted in place, with its own events', () => {
  const table = compile(
    createMachine({ id: 'door', initial: 'Open', states: { Open: { on: { SHUT: 'Shut' } }, Shut: { type: 'final' } } }),
  )
  expect(table.next.Open?.SHUT?.to).toBe('Shut')
})

test('a machine of setup().createMachine() is accepted in place, with the types of its context and events', () => {
  interface Types {
    readonly context: { readonly count: number }
    readonly events: { readonly type: 'SHUT'; readonly by: string } | { readonly type: 'OPEN' }
    readonly input: { readonly name: string }
  }
  // As XState's documentation has it: only the type counts.
  const types = {} as Types
  const create = (): unknown =>
    compile(
      setup({ types, actions: { ring: () => undefined } }).createMachine({
        context: { count: 0 },
        initial: 'Open',
        states: { Open: { on: { SHUT: { target: 'Shut', actions: 'ring' } } }, Shut: { type: 'final' } },
      }),
    )
  // Its types are accepted; what a log cannot check is not.
  expect(create).toThrow('context')
})

test('any machine is accepted, and only a machine', () => {
  expectTypeOf<AnyStateMachine>().toExtend<MachineLike>()
  expectTypeOf<ReturnType<typeof createActor>>().not.toExtend<MachineLike>()
  expectTypeOf<{ id: string; initial: string; states: object }>().not.toExtend<MachineLike>()
})

test.each([requestMachine, requestWithRetriesMachine])('the exported machine $id is XState’s', (machine) => {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- our published types lack XState's
  const actor = createActor(machine as AnyStateMachine).start()
  actor.send({ type: 'AUTH_OK' })
  expect(actor.getSnapshot().value).toBe('Authenticated')
})
