import { expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { compile } from '../../src/machine/compile.ts'
import { tableOf } from '../../src/machine/default-table.ts'

test('the table that is shipped is that of machines/request.ts', () => {
  expect(tableOf(undefined)).toEqual(compile(requestMachine))
})

test('a machine that is given has its own table', () => {
  expect(tableOf(requestMachine)).toBe(compile(requestMachine))
})
