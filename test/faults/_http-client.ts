import { Agent } from 'node:http'
import { expect, onTestFinished } from 'vitest'
import { ask } from '../adapters/http-client.ts'
import type { Program } from './_program.ts'
import type { ServerStats } from './programs/fault-server.ts'

/** Sends a command to the fault server and resolves with its statistics afterwards. */
export async function getStats(server: Program, command = 'stats'): Promise<ServerStats> {
  // The fault server sends nothing else.
  return (await server.call(command)) as ServerStats
}

/** Sends requests to `/ok`, twenty at a time. Each promise resolves with its response. */
export function sendRequests(server: Program, requests: number): Promise<unknown>[] {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  onTestFinished(() => agent.destroy())
  return Array.from({ length: requests }, async () => {
    expect(await ask(`${server.url}/ok`, { agent })).toMatchObject({ status: 200, body: 'served' })
  })
}
