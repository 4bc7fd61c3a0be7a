import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { compiledPath } from './compile-programs.ts'
import type { DestinationName } from './destinations/_destination.ts'

export const CRASHES = ['kill', 'abort', 'block'] as const

export type Crash = (typeof CRASHES)[number]

/** The minimum number of requests served before the crash. */
const MIN_SERVED = 20
/** How long a blocked process lives: its other threads still run, its event loop does not. */
const BLOCKED_MS = 300
const CONCURRENCY = 4

/**
 * Crashes processes inside a request handler.
 *
 * @returns how many of them left both lines of that request in their log
 */
export async function countIntactLogs(
  destination: DestinationName,
  crash: Crash,
  tries: number,
  folder: string,
): Promise<number> {
  let remaining = tries
  let intact = 0
  const worker = async (): Promise<void> => {
    while (remaining > 0) {
      remaining -= 1
      if (await leavesIntactLog(destination, crash, MIN_SERVED + remaining, folder)) intact += 1
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  return intact
}

async function leavesIntactLog(
  destination: DestinationName,
  crash: Crash,
  served: number,
  folder: string,
): Promise<boolean> {
  const file = join(folder, `${destination}-${crash}-${served}.log`)
  writeFileSync(file, '')
  // An abort may leave a core dump in the working directory: the folder is removed afterwards.
  const args = [compiledPath('programs/crash'), destination, file, crash, String(served)]
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
  if (crash === 'block') {
    await once(child.stderr, 'data')
    await setTimeout(BLOCKED_MS)
    child.kill('SIGKILL')
  } else child.stderr.resume()
  const signal = await exited
  if (signal !== (crash === 'abort' ? 'SIGABRT' : 'SIGKILL'))
    throw new Error(`${destination} exited with signal ${signal ?? 'none'} instead of ${crash}`)
  const log = readFileSync(file, 'latin1')
  rmSync(file)
  const lines = log.split('\n').filter((line) => line.includes(`"request":${served},`) && line.endsWith('}'))
  return lines.length === 2
}
