import { expect, test } from 'vitest'
import { errorMessage } from '../src/errors.ts'

test.each([
  [new TypeError('broken'), 'broken'],
  ['text', 'text'],
  [undefined, 'undefined'],
  [null, 'null'],
])('the message of %o is %s', (thrown, message) => {
  expect(errorMessage(thrown)).toBe(message)
})
