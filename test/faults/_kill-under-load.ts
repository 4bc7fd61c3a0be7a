import fc from 'fast-check'
import { setImmediate } from 'node:timers/promises'
import { auditFiles, type AuditResult } from './_audit-result.ts'
import { groundTruth, type GroundTruth } from './_ground-truth.ts'
import { LoadGenerator } from './_load-generator.ts'
import { startProgram, tempFile, type Program } from './_program.ts'
import type { Destination } from './programs/_destinations.ts'
import type { SelfKill } from './programs/_mark-writer.ts'

/** When a loaded server, its worker or both get a signal. */
export interface KillPoint {
  readonly victim: 'server' | 'worker' | 'both'
  /** After this many exchanges of the clients, and then this many turns of their event loop. */
  readonly exchanges: number
  readonly turns: number
  /** The victim kills itself at one of its marks, if it gets there first. */
  readonly selfKill: SelfKill | null
  /** The seed of the load. */
  readonly seed: number
}

const CONNECTIONS = 6

const fromOutside = {
  victim: fc.constantFrom('server', 'worker', 'both'),
  // Unbiased: not mostly small numbers. At least 10, so that some requests have started.
  exchanges: fc.noBias(fc.integer({ min: 10, max: 400 })),
  turns: fc.noBias(fc.nat(30)),
  seed: fc.noBias(fc.integer()),
} as const

/** Signals from outside, and about as many from inside, in the turn in which something starts or ends. */
export const killPoint: fc.Arbitrary<KillPoint> = fc.record({
  ...fromOutside,
  selfKill: fc.option(
    fc.record({
      mark: fc.constantFrom('started', 'ending', 'ended', 'sending', 'enqueued'),
      nth: fc.noBias(fc.integer({ min: 1, max: 60 })),
    }),
    { freq: 2 },
  ),
})

/** Signals from outside only. */
export const signalPoint: fc.Arbitrary<KillPoint> = fc.record({ ...fromOutside, selfKill: fc.constant(null) })

/** What both processes left behind. */
export interface RunResult extends AuditResult {
  readonly truth: GroundTruth
  readonly server: Program
  readonly worker: Program
}

/**
 * Runs server, worker and clients until a kill point, signals the victim, then the other process, and audits the logs.
 *
 * @param countsTransitions the programs have a SIGTERM handler that marks the number of their transitions
 */
export async function killUnderLoad(
  { victim, exchanges, turns, selfKill, seed }: KillPoint,
  destination: Destination,
  signal: NodeJS.Signals,
  countsTransitions: boolean,
): Promise<RunResult> {
  const logs = [tempFile('server.ndjson'), tempFile('worker.ndjson')] as const
  const selfKillOf = (name: string): string => JSON.stringify(victim === name || victim === 'both' ? selfKill : null)
  const counting = countsTransitions ? ['counts'] : []
  const worker = await startProgram('shop-worker', {
    args: [destination, selfKillOf('worker'), ...counting],
    stdout: logs[1],
  })
  const server = await startProgram('shop-server', {
    args: [destination, worker.url, selfKillOf('server'), ...counting],
    stdout: logs[0],
  })
  const load = new LoadGenerator(server.url, seed)
  const running = load.run(CONNECTIONS)
  await Promise.race([load.afterExchanges(exchanges), server.ended, worker.ended])
  for (let turn = 0; turn < turns; turn += 1) await setImmediate()
  if (victim !== 'worker') server.child.kill(signal)
  if (victim !== 'server') worker.child.kill(signal)
  // Without its worker the server goes on for a while.
  if (victim === 'worker') await Promise.race([load.afterExchanges(50), server.ended])
  // A victim gets the signal twice, as from a terminal and from npm. A handler of its own runs only once.
  for (const { child } of [server, worker]) if (!countsTransitions || !child.killed) child.kill(signal)
  await Promise.all([server.ended, worker.ended, running])
  return { ...(await auditFiles(...logs)), truth: groundTruth(server.marks, worker.marks, load), server, worker }
}
