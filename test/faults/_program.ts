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
import { MarkReader } from './_mark-reader.ts'

/** A running program that has sent its first message: its port if it is a server. */
export interface Program {
  readonly child: ChildProcess
  readonly url: string
  readonly marks: MarkReader
  readonly stderr: Promise<string>
  /** Its exit status and signal, once all of its output has been read. */
  readonly ended: Promise<readonly [status: number | null, signal: NodeJS.Signals | null]>
  /** Sends a message and resolves with the reply. */
  readonly call: (message: string) => Promise<unknown>
}

export interface StartOptions {
  readonly args?: readonly string[]
  readonly node?: readonly string[]
  /** Standard output: a file name or an open descriptor. Ignored by default. */
  readonly stdout?: string | number
  /** A shell command to run first, such as a limit that the program inherits. */
  readonly shell?: string
}

let folder: string | undefined
const bundles = new Map<string, Promise<string>>()

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

/** An unused path in a folder that is removed after the test file. */
export function tempFile(name: string): string {
  folder ??= mkdtempSync(join(tmpdir(), 'throughline-faults-'))
  return join(mkdtempSync(join(folder, 'run-')), name)
}

/** Bundles a program of `programs/`. A bundle starts five times faster than tsx, and the tests start hundreds. */
function bundle(name: string): Promise<string> {
  const outfile = tempFile(`${name}.cjs`)
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

/** Starts a program and resolves once it is ready. The end of the test kills it. */
export async function startProgram(
  name: string,
  { args = [], node = [], stdout, shell }: StartOptions = {},
): Promise<Program> {
  let file = bundles.get(name)
  if (file === undefined) bundles.set(name, (file = bundle(name)))
  const output = typeof stdout === 'string' ? openSync(stdout, 'a') : stdout
  const [command = '', ...rest] = [
    ...(shell === undefined ? [] : ['bash', '-c', `${shell}; exec "$@"`, 'bash']),
    process.execPath,
    ...node,
    await file,
    ...args,
  ]
  // An aborting process may dump its core into the working directory.
  const child = spawn(command, rest, { cwd: folder, stdio: ['ignore', output ?? 'ignore', 'pipe', 'pipe', 'ipc'] })
  if (output !== stdout && output !== undefined) closeSync(output)
  onTestFinished(() => void child.kill('SIGKILL'))
  const pipe = child.stdio[3]
  if (!(pipe instanceof Readable) || child.stderr === null) throw new Error('the program has no pipes')
  const [marks, stderr] = [new MarkReader(pipe), text(child.stderr)]
  const ended = once(child, 'close').then(() => [child.exitCode, child.signalCode] as const)
  const nextMessage = async (): Promise<unknown> => {
    const failed = ended.then(async (end) =>
      Promise.reject(new Error(`${name} has ended (${end.join(' ')}): ${await stderr}`)),
    )
    const [message] = (await Promise.race([once(child, 'message'), failed])) as unknown[]
    return message
  }
  const port = await nextMessage()
  return {
    child,
    url: `http://127.0.0.1:${String(port)}`,
    marks,
    stderr,
    ended,
    call: (message) => {
      const reply = nextMessage()
      child.send(message)
      return reply
    },
  }
}
