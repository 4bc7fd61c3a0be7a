import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inject } from '../../src/trace/carrier.ts'
import { withSqlComment } from '../../src/trace/sql-comment.ts'
import { trackerFixture } from '../tracker-fixture.ts'

const headers = inject({ traceId: 'Order:7', requestId: 'b7ad6b7169203331', flags: 1, tracestate: 'a=1' })
const comment = `/*trace_id='Order%3A7',traceparent='${headers.traceparent ?? ''}'*/`

describe('withSqlComment', () => {
  test('of a request has the request as its parent, and takes no number', () => {
    const { tracker } = trackerFixture({ newTraceId: () => 'Order:7', newRequestId: () => 'b7ad6b7169203000' })
    const request = tracker.start()
    expect(withSqlComment('SELECT 1', request)).toBe(
      `SELECT 1 ${comment.replace('b7ad6b7169203331', 'b7ad6b7169203000')}`,
    )
    expect(request.calls).toBe(0)
  })

  test.each([
    ['SELECT 1', `SELECT 1 ${comment}`],
    ['SELECT 1;', `SELECT 1 ${comment};`],
    ['SELECT 1 ;\n', `SELECT 1 ${comment} ;\n`],
    ["SELECT ';'", `SELECT ';' ${comment}`],
    ['INSERT INTO a VALUES ($1);;', `INSERT INTO a VALUES ($1) ${comment};;`],
  ])('%j becomes %j', (sql, expected) => {
    expect(withSqlComment(sql, headers)).toBe(expected)
  })

  test.each([
    'SELECT 1 /* mine */',
    'SELECT /*+ HINT */ 1',
    'SELECT 1 -- mine',
    '-- mine\nSELECT 1',
    "SELECT '--'",
    '',
    ' \n',
  ])('%j is unchanged', (sql) => {
    expect(withSqlComment(sql, headers)).toBe(sql)
  })

  test('quotes and the end of a comment are percent-encoded', () => {
    expect(withSqlComment('SELECT 1', { 'x-trace-id': "a'b*/c d" })).toBe("SELECT 1 /*trace_id='a%27b%2A%2Fc%20d'*/")
  })

  test('without a trace id, only the traceparent is added', () => {
    expect(withSqlComment('SELECT 1', { traceparent: 'abc' })).toBe("SELECT 1 /*traceparent='abc'*/")
  })

  test('without ids, the statement is unchanged', () => {
    expect(withSqlComment('SELECT 1', {})).toBe('SELECT 1')
  })

  test('the result is the statement with one comment, which decodes to the ids', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.constantFrom('SELECT 1', 'SELECT 1;', 'UPDATE a SET b = 2 ; '),
        (id, sql) => {
          const commented = withSqlComment(sql, { 'x-trace-id': id, traceparent: headers.traceparent })
          const [, before = '', inside = '', after = ''] = /^(.*?) \/\*(.*)\*\/(.*)$/.exec(commented) ?? []
          expect(before + after).toBe(sql)
          expect(after).toMatch(/^[;\s]*$/)
          expect(inside).not.toMatch(/\*\/|\/\*/)
          const pairs = [...inside.matchAll(/(?:^|,)([a-z_]+)='([^']*)'/g)].map(([, key = '', value = '']) => [
            key,
            decodeURIComponent(value),
          ])
          expect(pairs).toEqual([
            ['trace_id', id],
            ['traceparent', headers.traceparent],
          ])
        },
      ),
    )
  })
})
