import { expect, test } from 'vitest'
import { fieldNames } from '../../src/cli/field-flags.ts'
import { FIELD_ROLES } from '../../src/story/foreign/field-names.ts'

test.each([
  [undefined, {}],
  [[], {}],
  [['trace_id=correlationId'], { trace_id: ['correlationId'] }],
  [['trace_id=a', 'service=app.label', 'trace_id=b=c'], { trace_id: ['a', 'b=c'], service: ['app.label'] }],
  [FIELD_ROLES.map((role) => `${role}=x`), Object.fromEntries(FIELD_ROLES.map((role) => [role, ['x']]))],
])('%o', (flags, names) => {
  expect(fieldNames(flags)).toEqual(names)
})

test.each([
  ['correlationId', '"correlationId" is not one of trace_id, request_id, time, service, level, msg'],
  ['trace=x', '"trace" is not one of trace_id, request_id, time, service, level, msg'],
  ['constructor=x', '"constructor" is not one of trace_id, request_id, time, service, level, msg'],
  ['=x', '"" is not one of trace_id, request_id, time, service, level, msg'],
  ['trace_id', 'the field name must have 1 to 256 characters'],
  ['trace_id=', 'the field name must have 1 to 256 characters'],
])('%o is rejected: %s', (flag, reason) => {
  const fix = 'write --field trace_id=correlationId, or a dotted name: --field service=app.label'
  const message = `--field ${flag}: ${reason}; ${fix}`
  expect(() => fieldNames([flag])).toThrow(expect.objectContaining({ code: 'THROUGHLINE_USAGE', message }) as Error)
})

test('the length of a name is limited', () => {
  expect(() => fieldNames([`msg=${'a.'.repeat(200)}`])).toThrow('1 to 256')
})
