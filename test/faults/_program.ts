import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, onTestFinished } from 'vitest'
import { Marked } from './_printed-marks.ts'

/** A program that runs: a server, which has told its port, or one that has told that it is ready. */
export interface Program {
  readonly child: ChildProcess
  readonly url: string
  readonly marked: Marked
  readonly stderr: Promise<string>
  /** Its status and signal, once all that it wrote has been read. */
  readonly ended: Promise<readonly [status: number | null, signal: NodeJS.Signals | null]>
  /** Sends it a message, and resolves with what it sends back. */
  readonly ask: (message: string) => Promise<unknown>
}

export interface Starting {
  readonly args?: readonly string[]
  readonly node?: readonly string[]
  /** Where its standard output goes: the name of a file, or an open descriptor. By default nowhere. */
  readonly stdout?: string | number
  /** What a shell is to do to itself beforehand: a limit that the program inherits. */
  readonly shell?: string
}

let folder: string | undefined
const built = new Map<string, Promise<string>>()

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

/** A new name in a folder that goes with the test file. */
export function fileNamed(name: string): string {
  folder ??= mkdtempSync(join(tmpdir(), 'throughline-faults-'))
  return join(mkdtempSync(join(folder, 'run-')), name)
}

/** A program of the folder `programs` in one file. It starts five times faster than through a loader, and hundreds of them are killed. */
function bundle(name: string): Promise<string> {
  const outfile = fileNamed(`${name}.cjs`)
  const entry = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
  return build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    sourcemap: 'inline',
    logLevel: 'error',
  }).then(() => outfile)
}

/** Starts a program, and resolves once it is ready. It is killed with the test, where it has not ended before. */
export async function start(name: string, { args = [], node = [], stdout, shell }: Starting = {}): Promise<Program> {
  let file = built.get(name)
  if (file === undefined) built.set(name, (file = bundle(name)))
  const opened = typeof stdout === 'string' ? openSync(stdout, 'a') : stdout
  // In a folder of ours: what dies of an abort may leave its memory in a file.
  const [command = '', ...rest] = [
    ...(shell === undefined ? [] : ['bash', '-c', `${shell}; exec "$@"`, 'bash']),
    process.execPath,
    ...node,
    await file,
    ...args,
  ]
  const child = spawn(command, rest, { cwd: folder, stdio: ['ignore', opened ?? 'ignore', 'pipe', 'pipe', 'ipc'] })
  if (opened !== stdout && opened !== undefined) closeSync(opened)
  onTestFinished(() => void child.kill('SIGKILL'))
  const pipe = child.stdio[3]
  if (!(pipe instanceof Readable) || child.stderr === null) throw new Error('the program has no pipes')
  const [marked, stderr] = [new Marked(pipe), text(child.stderr)]
  const ended = once(child, 'close').then(() => [child.exitCode, child.signalCode] as const)
  const next = async (): Promise<unknown> => {
    const gone = ended.then(async (how) =>
      Promise.reject(new Error(`${name} has ended (${how.join(' ')}): ${await stderr}`)),
    )
    const [said] = (await Promise.race([once(child, 'message'), gone])) as unknown[]
    return said
  }
  const port = await next()
  return {
    child,
    url: `http://127.0.0.1:${String(port)}`,
    marked,
    stderr,
    ended,
    ask: (message) => {
      const answer = next()
      child.send(message)
      return answer
    },
  }
}
