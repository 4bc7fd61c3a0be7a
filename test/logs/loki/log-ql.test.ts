import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from '@grafana/lezer-logql'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalTraceId } from '../../../src/trace/trace-id.ts'
import { auditQuery, traceQuery } from '../../../src/logs/loki/log-ql.ts'
import { root } from '../../sources.ts'

/** The text of each node of these kinds in a query, parsed by Grafana's grammar. */
function nodesOf(query: string, ...kinds: readonly string[]): string[] {
  const found: string[] = []
  parser.parse(query).iterate({
    enter({ type, from, to }) {
      if (type.isError) throw new Error(`not LogQL at ${from}: ${query}`)
      if (kinds.includes(type.name)) found.push(query.slice(from, to))
    },
  })
  return found
}

const UUID = '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071'
const HEX = UUID.replaceAll('-', '')

/** Whether a line filter matches. JavaScript and RE2 agree on these patterns. */
function finds(query: string, line: string): boolean {
  const filter = nodesOf(query, 'LineFilter')[0] ?? ''
  // The string uses only the part of Go's syntax that JSON shares.
  const text = String(JSON.parse(filter.slice(3)))
  if (filter.startsWith('|= ')) return line.includes(text)
  const groups = /^\(\?i:([^()]*)\)$/.exec(text)
  if (groups !== null) return new RegExp(groups[1] ?? '', 'i').test(line)
  const [literal = '', rest = ''] = text.split('|(?i:')
  return new RegExp(literal, 'u').test(line) || new RegExp(rest.slice(0, -1), 'i').test(line)
}

describe('auditQuery', () => {
  it.each([
    ['{app="api"}', '{app="api"} |= "lifecycle"'],
    ['{app=~"api|worker"} | json', '{app=~"api|worker"} |= "lifecycle" | json'],
    ['{app="api"}|json|line_format "{{.msg}}"', '{app="api"} |= "lifecycle"|json|line_format "{{.msg}}"'],
    ['{app="api"} |= "a" or "b"', '{app="api"} |= "lifecycle" |= "a" or "b"'],
    ['({app="api"} | json)', '({app="api"} |= "lifecycle" | json)'],
    ['{app="}", pod=`"}`} # {not="this"}', '{app="}", pod=`"}`} |= "lifecycle" # {not="this"}'],
    ['# {not="this"}\n {app="a\\"}"}', '# {not="this"}\n {app="a\\"}"} |= "lifecycle"'],
    ['{app="api", # }\n pod="x"}', '{app="api", # }\n pod="x"} |= "lifecycle"'],
  ])('puts its filter after the selector of %s', (query, filtered) => {
    expect(auditQuery(query)).toBe(filtered)
    expect(nodesOf(filtered, 'LineFilter')[0]).toBe('|= "lifecycle"')
  })

  it.each([
    ['rate({app="api"}[5m])', /it is a metric query with rate;/],
    ['sum by (app) (count_over_time({app="api"}[5m]))', /it is a metric query with sum;/],
    ['(count_over_time({app="api"}[5m]))', /it is a metric query with count_over_time;/],
    ['app="api"', /it does not start with a stream selector;/],
    ['', /it does not start with a stream selector;/],
    ['{app="api"', /its stream selector is not closed;/],
    ['{app="api}', /its stream selector is not closed;/],
  ])('rejects %s', (query, message) => {
    expect(() => auditQuery(query)).toThrow(message)
    expect(() => auditQuery(query)).toThrow(/write \{app=~"api\|worker"\}/)
  })

  it('rejects a long selector that is never closed in linear time', () => {
    expect(() => auditQuery(`{${'#'.repeat(50_000)}`)).toThrow(/is not closed/)
  })
})

describe('traceQuery', () => {
  it.each([
    [undefined, [HEX], `{service_name=~".+"} |~ "(?i:${UUID}|${HEX})"`],
    ['{app="api"} | json', ['abc-123'], '{app="api"} |= "abc-123" | json'],
    ['{app="api"}', ['a.b', HEX, 'a.b'], `{app="api"} |~ "a\\\\.b|(?i:${UUID}|${HEX})"`],
  ])('of %s for %j', (query, ids, made) => {
    expect(traceQuery(query, ids)).toBe(made)
    expect(nodesOf(made, 'LineFilter')).toHaveLength(1)
  })

  it('matches every spelling of an id that a history treats as equal, and a W3C trace-id', () => {
    for (const spelling of [UUID, HEX, UUID.toUpperCase(), HEX.toUpperCase()]) {
      for (const given of [UUID, HEX, UUID.toUpperCase()])
        expect(finds(traceQuery(undefined, [canonicalTraceId(given)]), `{"trace_id":"${spelling}"}`)).toBe(true)
    }
    expect(finds(traceQuery(undefined, ['a.b', HEX]), UUID)).toBe(true)
    expect(finds(traceQuery(undefined, ['a.b', HEX]), 'a.b')).toBe(true)
    expect(finds(traceQuery(undefined, ['a.b', HEX]), 'aXb')).toBe(false)
  })
})

describe('for any query', () => {
  // The trailing digit keeps it from being a keyword of LogQL, such as `on` or `by`.
  const label = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/).map((name) => `${name}1`)
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }).map((text) => JSON.stringify(text)),
    fc
      .string({ unit: fc.constantFrom('{', '}', '"', '#', '|', '\\', ' ', 'a'), maxLength: 12 })
      .map((text) => `\`${text}\``),
    fc
      .string({ unit: fc.constantFrom('{', '}', '"', '#', '|', '\\', '`', '\n'), maxLength: 12 })
      .map((text) => JSON.stringify(text)),
  )
  const selector = fc
    .array(fc.tuple(label, fc.constantFrom('=', '!=', '=~', '!~'), value), { minLength: 1, maxLength: 3 })
    .map((all) => `{${all.map((parts) => parts.join('')).join(', ')}}`)
  const stage = fc.oneof(
    fc.constantFrom(
      '| json',
      '| logfmt',
      '| line_format "{{.msg}}}"',
      '| line_format `{{.a}} # {`',
      '| decolorize',
      '| drop a',
      '# {\n',
      '!~ "[a-z]{3}"',
      '|= `"lifecycle"`',
      '| state="Queued" or seq > 3',
    ),
    value.map((text) => `|= ${text}`),
  )
  const query = fc
    .tuple(selector, fc.array(stage, { maxLength: 4 }))
    .map(([first, stages]) => [first, ...stages].join(' '))

  it('the query of an audit is LogQL with the same selector and stages', () => {
    fc.assert(
      fc.property(query, (given) => {
        const made = auditQuery(given)
        const kinds = [
          'Selector',
          'LineFilter',
          'LabelParser',
          'LabelFilter',
          'LineFormatExpr',
          'DecolorizeExpr',
          'DropLabelsExpr',
        ]
        const [first, ...rest] = nodesOf(given, ...kinds)
        expect(nodesOf(made, ...kinds)).toEqual([first, '|= "lifecycle"', ...rest])
      }),
    )
  })

  it('the query of a story is LogQL, and its filter matches the id and no similar text', () => {
    const id = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9._:-]{1,20}$/),
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.string({
        unit: fc.constantFrom('"', '\\', '`', '|', ')', '(?i)', '\n', '}', '{', '.', '*', '['),
        minLength: 1,
      }),
    )
    fc.assert(
      fc.property(fc.option(query, { nil: undefined }), id, (given, text) => {
        const [alone, two] = [traceQuery(given, [text]), traceQuery(given, [text, HEX])]
        expect(nodesOf(alone, 'LineFilter')).toHaveLength(
          1 + (given === undefined ? 0 : nodesOf(given, 'LineFilter').length),
        )
        expect(nodesOf(two, 'LineFilter')[0]).toMatch(/^\|~ "/)
        if (canonicalTraceId(text) !== text || /^[0-9a-f]{32}$/i.test(text)) return
        expect(finds(alone, `"${text}"`)).toBe(true)
        expect(finds(two, `"${text}"`)).toBe(true)
        expect(finds(two, '')).toBe(false)
      }),
    )
  })
})

describe('docs', () => {
  const pages = ['docs/loki.md', 'docs/log-format.md'].map((page) => readFileSync(join(root, page), 'utf8'))
  const queries = pages.flatMap((page) =>
    [...page.matchAll(/^```logql\n(.*?)\n```$/gms)].flatMap(([, block = '']) => block.split('\n')),
  )
  const rules = pages.flatMap((page) => [...page.matchAll(/^ *expr: (.*)$/gm)].map(([, expression = '']) => expression))

  it.each([...queries, ...rules])('%s is LogQL', (query) => {
    expect(nodesOf(query, 'Selector')).toHaveLength(1)
  })

  it('shows queries and an alert', () => {
    expect([queries.length > 5, rules.length]).toEqual([true, 1])
  })

  it('shows the queries that the command sends', () => {
    expect(queries).toContain(auditQuery('{app=~"gateway|worker"}'))
    expect(queries).toContain(traceQuery('{app=~"gateway|worker"}', [canonicalTraceId(UUID)]))
    expect(queries).toContain(traceQuery(undefined, ['abc-123']))
  })
})
