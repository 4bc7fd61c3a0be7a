import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { root } from './sources.ts'
import { SOON } from './timeouts.ts'

/** True if no registry of packages answers, with a line on stderr; with REQUIRE_SERVICES=1 the tests run and fail. */
function isRegistryMissing(): boolean {
  if (process.env.REQUIRE_SERVICES === '1') return false
  try {
    execFileSync('npm', ['ping', '--fetch-retries=0', `--fetch-timeout=${String(SOON)}`], { stdio: 'pipe' })
    return false
  } catch {
    process.stderr.write('skipped: npm reaches no registry, so that pm2 cannot be installed\n')
    return true
  }
}

/** Sends one request to itself. */
const PROGRAM = `
import http from 'node:http'
import { trackRequest } from ${JSON.stringify(pathToFileURL(join(root, 'dist/src/index.js')).href)}
console.log('hello')
const server = http.createServer(trackRequest((req, res) => res.end('done'), { service: 'shop' }))
server.listen(0, async () => {
  await (await fetch('http://127.0.0.1:' + server.address().port + '/orders')).text()
})
`

describe.skipIf(isRegistryMissing())('pm2', () => {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-pm2-'))
  const env = { ...process.env, PM2_HOME: join(folder, 'home'), PM2_DISABLE_VERSION_CHECK: 'true' }
  const pm2 = (...args: string[]): void =>
    void execFileSync(process.execPath, [join(folder, 'node_modules/pm2/bin/pm2'), ...args], {
      cwd: folder,
      env,
      stdio: 'pipe',
    })

  beforeAll(() => {
    const flags = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']
    execFileSync('npm', ['install', '--prefix', folder, ...flags, 'pm2@6'], { cwd: folder, stdio: 'pipe' })
    writeFileSync(join(folder, 'app.mjs'), PROGRAM)
  })

  afterAll(() => {
    pm2('kill')
    rmSync(folder, { recursive: true, force: true })
  })

  test.each([
    ['in its cluster mode', ['-i', '1']],
    ['in its fork mode', []],
  ])("%s, lines are in the application's log, with those of the console, and not in the daemon's", async (_, mode) => {
    const name = `shop${String(mode.length)}`
    const log = join(folder, `${name}.log`)
    pm2('start', 'app.mjs', ...mode, '--name', name, '--merge-logs', '-o', log)
    await vi.waitFor(() => expect(readFileSync(log, 'utf8')).toContain('"outcome":"ok"'), SOON)
    const lines = readFileSync(log, 'utf8').trim().split('\n')
    expect(lines.map((line) => (line.startsWith('{') ? /"state":"(\w+)"/.exec(line)?.[1] : line))).toEqual([
      'hello',
      'Received',
      'Authenticated',
      'Processing',
      'Responded',
    ])
    expect(readFileSync(join(folder, 'home/pm2.log'), 'utf8')).not.toContain('trace_id')
  })
})
