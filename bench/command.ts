import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** How a command went, from its start to its end. */
export interface Ran {
  readonly seconds: number
  /** The most memory that was resident, in MB, its child processes included; 0 where the system does not tell. */
  readonly peak: number
  readonly stdout: string
}

const POLL_MS = 10
/** What every command has to make do with, where the machine has more. */
const CORES = 2

/**
 * Runs a command to its end; what it writes is read, since some programs stop at once where nobody reads.
 *
 * @param allowed exit statuses that are answers
 * @throws Error with what it wrote to standard error, where it ended in another way
 */
export async function ran(command: string, args: readonly string[], allowed: readonly number[] = [0]): Promise<Ran> {
  const [program = '', ...rest] = [...(availableParallelism() > CORES ? ['taskset', '-c', `0-${CORES - 1}`] : []), command, ...args]
  const began = performance.now()
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_ENV: 'production' } })
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  let peak = 0
  const poll = setInterval(() => void (peak = Math.max(peak, resident(child.pid))), POLL_MS)
  let ended = began
  child.once('exit', () => void (ended = performance.now()))
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
    if (code === null || !allowed.includes(code)) throw new Error(`${program} ${rest.join(' ')} ended with ${String(code ?? child.signalCode)}:\n${Buffer.concat(stderr).toString()}`)
  } finally {
    clearInterval(poll)
  }
  return { seconds: (ended - began) / 1_000, peak, stdout: Buffer.concat(stdout).toString() }
}

/** What a process and its children have had resident at most, in MB: the system keeps the mark of each. */
function resident(pid: number | undefined): number {
  if (pid === undefined) return 0
  try {
    const kilobytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter((child) => child !== '')
    return (kilobytes * 1_024) / 1e6 + children.reduce((sum, child) => sum + resident(Number(child)), 0)
  } catch {
    // It has just ended, or the system has no /proc.
    return 0
  }
}

/** Whether a program is on this machine. */
export async function exists(program: string): Promise<boolean> {
  try {
    await ran(program, ['--version'])
    return true
  } catch {
    // Whatever it is, it cannot be measured.
    return false
  }
}
