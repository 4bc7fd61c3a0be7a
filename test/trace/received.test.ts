import fc from 'fast-check'
import { expect, test } from 'vitest'
import { headerNames, isReceived, receivedFrom } from '../../src/trace/received.ts'

const NAMES = headerNames(['x-trace-id', 'traceparent', 'x-id'])

test.each<[string, object, object]>([
  ['names in lower case', { 'x-trace-id': 'a', host: 'b' }, { 'x-trace-id': 'a' }],
  ['names in any case', { 'X-Trace-ID': 'a', TraceParent: 'b' }, { 'x-trace-id': 'a', traceparent: 'b' }],
  ['the same name in two cases', { 'X-ID': 'a', 'x-Id': 'b' }, { 'x-id': ['a', 'b'] }],
  ['lists and Buffers', { 'x-id': ['a', Buffer.from('b')] }, { 'x-id': ['a', 'b'] }],
  ['Headers', new Headers({ 'X-Trace-ID': 'a', host: 'b' }), { 'x-trace-id': 'a' }],
  ['a Map', new Map([['traceparent', 'a']]), { traceparent: 'a' }],
])('what came in is found under %s', (_, carrier, received) => {
  expect(receivedFrom(carrier, NAMES)).toEqual(received)
})

test.each<[string, object | null | undefined]>([
  ['no carrier', undefined],
  ['no object', null],
  ['other names, of the same length too', { 'y-trace-id': 'a', tracestates: 'b', 'x-ids': 'c', y: 'd' }],
  ['a value that is no text', { 'x-id': 1 }],
  ['an inherited name', Object.create({ 'x-id': 'a' }) as object],
  [
    'a getter that throws',
    {
      get traceparent() {
        throw new Error('broken')
      },
    },
  ],
  [
    'keys that throw',
    new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('broken')
        },
      },
    ),
  ],
])('nothing came in with %s', (_, carrier) => {
  expect(receivedFrom(carrier, NAMES)).toBeUndefined()
})

test('what came in does not change with its carrier', () => {
  const headers = { 'x-id': 'a' }
  const received = receivedFrom(headers, NAMES)
  headers['x-id'] = 'b'
  expect([isReceived(received, 'x-id', 'a'), isReceived(received, 'x-id', 'b')]).toEqual([true, false])
})

test('values are equal in every form in which they can be copied, and different ones in none', () => {
  const text = fc.stringMatching(/^[a-z0-9-]{1,5}$/)
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 3 }),
      fc.array(text, { minLength: 1, maxLength: 3 }),
      (a, b) => {
        const forms = (values: string[]): unknown[] => [
          values,
          values.join(','),
          values.join(', '),
          values.map((value) => Buffer.from(value)),
        ]
        const same = a.join() === b.join()
        for (const came of forms(a)) {
          const received = receivedFrom({ 'X-Id': came }, NAMES)
          for (const sent of forms(b)) expect(isReceived(received, 'x-id', sent)).toBe(same)
        }
      },
    ),
  )
  expect(isReceived(undefined, 'x-id', undefined)).toBe(false)
})
