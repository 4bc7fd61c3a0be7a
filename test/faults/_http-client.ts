import { Agent } from 'node:http'
import { expect, onTestFinished } from 'vitest'
import { ask } from '../adapters/http-client.ts'
import type { Judged } from './_audit-result.ts'
import type { Program } from './_program.ts'
import type { Stats } from './programs/mortal-server.ts'

/** What the server of most tests says when it is told something; without more, how it is. */
export async function told(server: Program, order = 'stats'): Promise<Stats> {
  // Its only answer.
  return (await server.ask(order)) as Stats
}

/** How many lines a request has that is simply served. */
export const LINES = 4

/** Sends requests, a few at a time; each resolves with its answer. */
export function send(server: Program, requests: number): Promise<unknown>[] {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  onTestFinished(() => agent.destroy())
  return Array.from({ length: requests }, async () => {
    expect(await ask(`${server.url}/ok`, { agent })).toMatchObject({ status: 200, body: 'served' })
  })
}

/** All requests are there, each line of them once, and whole. */
export function expectAll({ report, stuck, records }: Judged, requests: number): void {
  expect(stuck).toEqual([])
  expect(records.length).toBe(requests * LINES)
  expect(report).toMatchObject({ invalid: [], gaps: [], checked: { requests, damaged_lines: 0 } })
}

/** The fault was told, and by each tracker of the process at most once. */
export function expectToldOnce(stderr: string, fault: string): void {
  const lines = stderr.trimEnd().split('\n')
  const services = lines.map(
    (line) => /^throughline: tracking of "(\w+)" failed and the request went on: /.exec(line)?.[1],
  )
  expect(lines.filter((line) => !line.includes(fault))).toEqual([])
  expect(services).toEqual([...new Set(services)])
  expect(services).toContain('api')
}
