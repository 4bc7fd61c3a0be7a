import { expect } from 'vitest'
import type { AuditResult } from './_audit-result.ts'

/** The lines of a request to `/ok`. */
export const LINES_PER_REQUEST = 4

/** Fails unless every line of these requests to `/ok` is in the log, once and intact. */
export function expectComplete({ report, stuck, records }: AuditResult, requests: number): void {
  expect(stuck).toEqual([])
  expect(records.length).toBe(requests * LINES_PER_REQUEST)
  expect(report).toMatchObject({ invalid: [], gaps: [], checked: { requests, damaged_lines: 0 } })
}

/** Fails unless the fault is on stderr, at most once for each tracker, and nothing else. */
export function expectReportedOnce(stderr: string, fault: string): void {
  const lines = stderr.trimEnd().split('\n')
  const services = lines.map(
    (line) => /^throughline: tracking of "(\w+)" failed and the request went on: /.exec(line)?.[1],
  )
  expect(lines.filter((line) => !line.includes(fault))).toEqual([])
  expect(services).toEqual([...new Set(services)])
  expect(services).toContain('api')
}
