import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { compiled } from './compiled.ts'
import type { DestinationName } from './destinations/_destination.ts'

export const ENDINGS = ['kill', 'abort', 'block'] as const

export type Ending = (typeof ENDINGS)[number]

/** How many requests are served at least, before the one in whose handler the process ends. */
const SERVED = 20
/** How long a blocked process is left alone: its threads go on, its event loop does not. */
const BLOCKED_MS = 300
const AT_ONCE = 4

/**
 * Lets processes come to a sudden end inside a handler, and looks which of them left the two lines of that request.
 *
 * @returns how many did
 */
export async function survivors(destination: DestinationName, ending: Ending, tries: number, folder: string): Promise<number> {
  let left = tries
  let survived = 0
  const one = async (): Promise<void> => {
    for (; left > 0; ) {
      left -= 1
      if (await survives(destination, ending, SERVED + left, folder)) survived += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return survived
}

async function survives(destination: DestinationName, ending: Ending, served: number, folder: string): Promise<boolean> {
  const file = join(folder, `${destination}-${ending}-${served}.log`)
  writeFileSync(file, '')
  // In the folder that is removed, because an abort may leave an image of the process where it ran.
  const args = [compiled('programs/ending'), destination, file, ending, String(served)]
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
  if (ending === 'block') {
    await once(child.stderr, 'data')
    await setTimeout(BLOCKED_MS)
    child.kill('SIGKILL')
  } else child.stderr.resume()
  const signal = await ended
  if (signal !== (ending === 'abort' ? 'SIGABRT' : 'SIGKILL')) throw new Error(`${destination} ended by ${signal ?? 'itself'}, not by ${ending}`)
  const log = readFileSync(file, 'latin1')
  rmSync(file)
  const lines = log.split('\n').filter((line) => line.includes(`"request":${served},`) && line.endsWith('}'))
  return lines.length === 2
}
