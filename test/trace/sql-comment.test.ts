import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inject } from '../../src/trace/carrier.ts'
import { withSqlComment } from '../../src/trace/sql-comment.ts'

const headers = inject({ traceId: 'Order:7', requestId: 'b7ad6b7169203331', flags: 1, tracestate: 'a=1' })
const comment = `/*trace_id='Order%3A7',traceparent='${headers.traceparent ?? ''}'*/`

describe('withSqlComment', () => {
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
  ])('%j stays as it is', (sql) => {
    expect(withSqlComment(sql, headers)).toBe(sql)
  })

  test('without ids there is nothing to say', () => {
    expect(withSqlComment('SELECT 1', {})).toBe('SELECT 1')
  })

  test('whatever the ids, it is one comment that decodes to them, and the statement is untouched', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.constantFrom('SELECT 1', 'SELECT 1;', 'UPDATE a SET b = 2 ; '),
        (id, sql) => {
          const told = withSqlComment(sql, { 'x-trace-id': id, traceparent: headers.traceparent })
          const [, before = '', inside = '', after = ''] = /^(.*?) \/\*(.*)\*\/(.*)$/.exec(told) ?? []
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
