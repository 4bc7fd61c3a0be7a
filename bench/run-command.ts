import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

export interface CommandResult {
  /** From start to exit. */
  readonly seconds: number
  /** The maximum resident memory in MB, child processes included; 0 without `/proc`. */
  readonly peakMb: number
  readonly stdout: string
}

const POLL_MS = 10
/** Every command is limited to this many cores, on machines with more too. */
const CORES = 2

/**
 * Runs a command to its end and reads its output, because some programs stop early if nobody reads it.
 *
 * @param allowedStatuses the exit statuses that count as success
 * @throws Error with its standard error on any other exit
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  allowedStatuses: readonly number[] = [0],
): Promise<CommandResult> {
  const [program = '', ...rest] = [
    ...(availableParallelism() > CORES ? ['taskset', '-c', `0-${CORES - 1}`] : []),
    command,
    ...args,
  ]
  const started = performance.now()
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  let peakMb = 0
  const poll = setInterval(() => void (peakMb = Math.max(peakMb, peakResidentMb(child.pid))), POLL_MS)
  let exited = started
  child.once('exit', () => void (exited = performance.now()))
  try {
    const status = await new Promise<number | null>((resolve, reject) =>
      child.once('error', reject).once('close', resolve),
    )
    if (status === null || !allowedStatuses.includes(status)) {
      throw new Error(
        `${program} ${rest.join(' ')} exited with ${String(status ?? child.signalCode)}:\n${Buffer.concat(stderr).toString()}`,
      )
    }
  } finally {
    clearInterval(poll)
  }
  return { seconds: (exited - started) / 1_000, peakMb, stdout: Buffer.concat(stdout).toString() }
}

/** The sum of the peak resident memory of a process and of its children, as the kernel records it for each. */
function peakResidentMb(pid: number | undefined): number {
  if (pid === undefined) return 0
  try {
    const kilobytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
      .trim()
      .split(' ')
      .filter((child) => child !== '')
    return (kilobytes * 1_024) / 1e6 + children.reduce((sum, child) => sum + peakResidentMb(Number(child)), 0)
  } catch {
    // The process has just exited, or the system has no /proc.
    return 0
  }
}

export async function isInstalled(program: string): Promise<boolean> {
  try {
    await runCommand(program, ['--version'])
    return true
  } catch {
    // Missing or broken: either way it cannot be measured.
    return false
  }
}
