import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'

const program = fileURLToPath(new URL('shutdown-server.ts', import.meta.url))

interface Line {
  readonly event?: string
  readonly state: string
  readonly request_id: string
}

describe('a process that ends notes its requests in flight', () => {
  test.each([
    ['by process.exit', 'exit', undefined, [3, null]],
    ['by an uncaught exception', 'throw', undefined, [1, null]],
    ['by SIGTERM', 'wait', 'SIGTERM', [null, 'SIGTERM']],
    ['by SIGINT', 'wait', 'SIGINT', [null, 'SIGINT']],
    ['by SIGHUP', 'wait', 'SIGHUP', [null, 'SIGHUP']],
    ["by the application's own SIGTERM handler", 'handler', 'SIGTERM', [7, null]],
    ['by a listener that acts only if there is no other', 'polite', 'SIGTERM', [8, null]],
  ] as const)('%s', async (_, mode, signal, status) => {
    const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', program, mode], {
      stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const exit = once(child, 'exit')
    const { stdout } = child
    if (stdout === null) throw new Error('the child has no standard output')
    const log = text(stdout)
    if (signal !== undefined) {
      await once(child, 'message')
      child.kill(signal)
    }
    expect(await exit).toEqual(status)
    const lines = (await log)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
    const shutdown = lines.filter(({ event }) => event === 'SHUTDOWN')
    expect(new Set(shutdown.map(({ state, request_id }) => `${state} ${request_id}`))).toEqual(
      new Set([`Received ${lines[4]?.request_id ?? ''}`]),
    )
  })
})
