import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask } from './http-client.ts'

const program = fileURLToPath(new URL('full-disk-server.ts', import.meta.url))

async function message(child: ChildProcess): Promise<unknown> {
  const [payload] = (await once(child, 'message')) as unknown[]
  return payload
}

describe('if the log cannot be written, clients are served, the process continues, and the error is printed once', () => {
  test.each([
    ["the application's pino on a full disk", 'sync', 'ignore', /ENOSPC/],
    ["the application's asynchronous pino on a full disk", 'async', 'ignore', /ENOSPC/],
    ['standard output on a full disk', 'default', 'full', /ENOSPC/],
    ['standard output on a closed pipe', 'default', 'pipe', /EPIPE/],
  ] as const)('%s', async (_, target, stdout, fault) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, target], {
      stdio: ['ignore', stdout === 'full' ? openSync('/dev/full', 'w') : stdout, 'pipe', 'ipc'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    child.stdout?.destroy()
    const stderr = child.stderr === null ? Promise.resolve('') : text(child.stderr)
    const exit = once(child, 'exit')
    const url = `http://127.0.0.1:${String(await message(child))}`
    for (let n = 0; n < 5; n++) expect(await ask(url)).toMatchObject({ status: 200, body: 'served' })
    child.send('stats')
    const stats = await message(child)
    expect(stats).toMatchObject({ requests: 5, transitions: 20, inFlight: 0 })
    expect(stats).toHaveProperty(
      'faults',
      expect.toSatisfy((faults) => typeof faults === 'number' && faults > 0),
    )
    child.disconnect()
    // An asynchronous pino retries a full disk at exit without end: that process must be killed, also without us.
    if (target === 'async') child.kill('SIGKILL')
    expect(await exit).toEqual(target === 'async' ? [null, 'SIGKILL'] : [0, null])
    const printed = (await stderr).split('\n').filter((line) => line !== '')
    expect(printed).toEqual([expect.stringMatching(/^throughline: tracking of "api" failed and the request went on: /)])
    expect(printed[0]).toMatch(fault)
  })
})
