import fc from 'fast-check'
import { setImmediate } from 'node:timers/promises'
import { judged, type Judged } from './_audit-result.ts'
import { Load } from './_load.ts'
import { fileNamed, start, type Program } from './_program.ts'
import { truthOf, type Truth } from './_truth.ts'
import type { Death } from './programs/marks.ts'
import type { Destination } from './programs/tracker-for.ts'

/** A moment at which a loaded server, its worker or both come to their end. */
export interface Moment {
  readonly victim: 'server' | 'worker' | 'both'
  /** After so many exchanges of the clients, and then so many turns of their event loop. */
  readonly exchanges: number
  readonly turns: number
  /** Or at a place of the victim's own choice, if it comes to that before. */
  readonly own: Death | null
  /** Of the load. */
  readonly seed: number
}

const CONNECTIONS = 6

const moments = {
  victim: fc.constantFrom('server', 'worker', 'both'),
  // Any of them, not mostly small ones; but not before anything has begun.
  exchanges: fc.noBias(fc.integer({ min: 10, max: 400 })),
  turns: fc.noBias(fc.nat(30)),
  seed: fc.noBias(fc.integer()),
} as const

/** Moments from outside; from inside too, in the very turn in which something begins or ends. */
export const killed: fc.Arbitrary<Moment> = fc.record({
  ...moments,
  own: fc.option(
    fc.record({
      at: fc.constantFrom('begin', 'closing', 'closed', 'sending', 'handed'),
      nth: fc.noBias(fc.integer({ min: 1, max: 60 })),
    }),
    { freq: 2 },
  ),
})

export const told: fc.Arbitrary<Moment> = fc.record({ ...moments, own: fc.constant(null) })

/** What was found after the end of both processes. */
export interface Found extends Judged {
  readonly truth: Truth
  readonly server: Program
  readonly worker: Program
}

/** Runs server, worker and clients up to a moment, ends the victim, then the rest, and reads what is left. */
export async function played(
  { victim, exchanges, turns, own, seed }: Moment,
  to: Destination,
  signal: NodeJS.Signals,
  counts: boolean,
): Promise<Found> {
  const logs = [fileNamed('server.ndjson'), fileNamed('worker.ndjson')] as const
  const death = (name: string): string => JSON.stringify(victim === name || victim === 'both' ? own : null)
  const counting = counts ? ['counts'] : []
  const worker = await start('shop-worker', { args: [to, death('worker'), ...counting], stdout: logs[1] })
  const server = await start('shop-server', { args: [to, worker.url, death('server'), ...counting], stdout: logs[0] })
  const load = new Load(server.url, seed)
  const running = load.run(CONNECTIONS)
  await Promise.race([load.more(exchanges), server.ended, worker.ended])
  for (let turn = 0; turn < turns; turn += 1) await setImmediate()
  if (victim !== 'worker') server.child.kill(signal)
  if (victim !== 'server') worker.child.kill(signal)
  // What is left goes on for a while, and comes to the same end.
  if (victim === 'worker') await Promise.race([load.more(50), server.ended])
  // The victims are told twice, as by a terminal and by npm; but their own handlers, where they have any, are there once.
  for (const { child } of [server, worker]) if (!counts || !child.killed) child.kill(signal)
  await Promise.all([server.ended, worker.ended, running])
  return { ...(await judged(...logs)), truth: truthOf(server.marked, worker.marked, load), server, worker }
}
