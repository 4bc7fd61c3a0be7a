import { describe, expect, test } from 'vitest'
import { lokiSource } from '../../../src/logs/sources/loki-source.ts'
import { ndjson, QUEUED, transitions } from '../../sample-log.ts'
import { lokiStandIn } from '../loki/_loki.ts'

const START = 1_790_000_000_000

describe('lokiSource', () => {
  test('yields entries with the stream as the file and a running number as the line', async () => {
    const own = ndjson(transitions(QUEUED)).trim().split('\n')
    const { url } = await lokiStandIn(
      [...own, 'plain text'].map((line, index) => ({
        labels: { app: index < own.length ? 'api' : 'worker' },
        time: BigInt(START) * 1_000_000n + BigInt(index),
        line,
      })),
    )
    const source = lokiSource({ url, query: '{app=~".+"}', start: START, end: START + 1_000 })
    const entries = []
    for await (const batch of source.entries()) entries.push(...batch)
    expect(entries.map(({ kind, file, line }) => [kind, file, line])).toEqual([
      ...own.map((_, index) => ['record', '{app="api"}', index + 1]),
      ['other', '{app="worker"}', own.length + 1],
    ])
  })

  test('has the URL without credentials as its name, and is read once', () => {
    const source = lokiSource({ url: 'http://ada:hush@loki:3100', query: '{}', start: 0, end: 1 })
    expect(source.names).toEqual(['http://loki:3100/loki/api/v1/query_range'])
    expect(source.rereadable).toBe(false)
  })

  test('rejects an invalid URL', () => {
    expect(() => lokiSource({ url: 'loki:3100', query: '{}', start: 0, end: 1 })).toThrow('is not a Loki URL')
  })
})
