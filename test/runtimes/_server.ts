import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { ask } from '../adapters/http-client.ts'
import type { Runtime } from './_runtimes.ts'

/** A server in a process of another runtime, and the lines that it writes. */
export interface Server {
  readonly url: string
  /** Resolves once a trace has a line for the start of its handler. */
  readonly started: (traceId: string) => Promise<unknown>
  /** Resolves with the lines of a trace once its request has ended. */
  readonly linesOf: (traceId: string) => Promise<LifecycleRecord[]>
  /** Lets `/parts` end. */
  readonly release: (last: string) => void
  readonly stats: () => Promise<unknown>
  readonly linesSoFar: (traceId: string) => readonly LifecycleRecord[]
  /** Sends the signal to end, and resolves once all output has been read. */
  readonly stop: () => Promise<void>
}

/** Starts a program of `programs/`. */
export async function startServer({ command: [file, ...args] }: Runtime, program: string): Promise<Server> {
  const path = fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url))
  const child = spawn(file, [...args, path], { stdio: 'pipe' })
  const [stderr, closed] = [text(child.stderr), once(child, 'close')]
  const lines = new Map<string, LifecycleRecord[]>()
  const waiting = new Set<() => void>()
  const output = createInterface({ input: child.stdout })
  const url = await new Promise<string>((resolve, reject) => {
    output.on('line', (line) => {
      // What the programs print: their address, and after that lines of the default sink.
      const entry = JSON.parse(line) as { readonly url: string } | LifecycleRecord
      if ('url' in entry) resolve(entry.url)
      else lines.set(entry.trace_id, [...(lines.get(entry.trace_id) ?? []), entry])
      for (const check of waiting) check()
    })
    child.once('error', reject)
    void closed.then(async () => reject(new Error(`${program} has ended: ${await stderr}`)))
  })
  const linesUntil = (traceId: string, isLast: (line: LifecycleRecord) => boolean): Promise<LifecycleRecord[]> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = lines.get(traceId) ?? []
        const last = found.at(-1)
        if (last === undefined || !isLast(last)) return
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      check()
      void closed.then(() => reject(new Error(`${program} has ended before ${traceId}`)))
    })
  return {
    url,
    started: (traceId) => linesUntil(traceId, ({ state }) => state === 'Processing'),
    linesOf: (traceId) => linesUntil(traceId, (line) => 'outcome' in line),
    release: (last) => void child.stdin.write(last),
    linesSoFar: (traceId) => lines.get(traceId) ?? [],
    stats: async () => JSON.parse((await ask(`${url}/stats`)).body) as unknown,
    async stop() {
      child.kill()
      await closed
    },
  }
}
