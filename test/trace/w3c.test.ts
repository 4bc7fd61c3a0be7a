import { describe, expect, test } from 'vitest'
import { extract } from '../../src/trace/carrier.ts'
import { formatTraceparent, parseTraceparent, parseTracestate } from '../../src/trace/traceparent.ts'
import { CARRIERS } from './carriers.ts'
import { DASHED, GOOD, INVALID, PARENT, STATES, TRACE, VALID } from './w3c-vectors.ts'

describe('W3C Trace Context level 2', () => {
  test('the key of the tenant vector has 257 characters', () => {
    expect(`${'t'.repeat(250)}@${'v'.repeat(6)}`.length).toBe(257)
  })

  describe.each(CARRIERS)('in %s', (_, make) => {
    test.each(VALID)('a traceparent with %s is read', (_what, header, flags) => {
      expect(extract(make({ traceparent: header }), 'edge')).toEqual({ traceId: DASHED, parentId: PARENT, flags })
      expect(extract(make({ traceparent: header }), 'message')).toEqual({ traceId: DASHED, parentId: PARENT, flags })
    })

    test.each(INVALID)('a traceparent with %s starts a new trace', (_what, header) => {
      const carrier = make({ traceparent: header, tracestate: 'foo=1' })
      // Headers removes white space from the ends, including a line break.
      if (carrier === undefined || (carrier instanceof Headers && header.endsWith('\n'))) return
      const { rejectedLength, ...rest } = extract(carrier, 'edge')
      expect(rest).toEqual({ flags: 3 })
      expect(rejectedLength).toBe(header.length)
    })

    test.each(STATES)('a tracestate with %s', (_what, header, passed) => {
      const carrier = make({ traceparent: GOOD, tracestate: header })
      if (carrier !== undefined) expect(extract(carrier, 'edge').tracestate).toBe(passed)
    })
  })

  test('flags are two hex digits for every byte, and undefined flags are sent as zero', () => {
    for (let flags = 0; flags < 256; flags++) {
      const hex = flags.toString(16).padStart(2, '0')
      expect(parseTraceparent(`00-${TRACE}-${PARENT}-${hex}`)).toEqual({ traceId: TRACE, parentId: PARENT, flags })
      const sent = formatTraceparent({ traceId: TRACE, parentId: PARENT, flags })
      expect(sent).toBe(`00-${TRACE}-${PARENT}-0${String(flags & 3)}`)
      expect(parseTraceparent(sent)).toEqual({ traceId: TRACE, parentId: PARENT, flags: flags & 3 })
    }
  })

  test('several tracestate headers are joined to one list', () => {
    expect(extract({ traceparent: GOOD, tracestate: ['a=1', 'b=2'] }, 'edge').tracestate).toBe('a=1,b=2')
    expect(
      extract(
        { get: (name: string) => (name === 'traceparent' ? [GOOD] : name === 'tracestate' ? ['a=1', 'B=2'] : []) },
        'edge',
      ).tracestate,
    ).toBeUndefined()
  })

  test('a huge tracestate is rejected quickly', () => {
    expect(parseTracestate(','.repeat(5_000_000))).toBeUndefined()
    expect(parseTracestate(`${' '.repeat(50_000)}x`.repeat(20))).toBeUndefined()
  })
})
