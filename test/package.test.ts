import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOSTS } from './hosts.ts'
import { OutsideProject } from './outside-project.ts'
import { filesIn, root } from './sources.ts'

interface Manifest {
  readonly main: string
  readonly types: string
  readonly typesVersions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly bin: Readonly<Record<string, string>>
}

// The shape of our own package.json, which the type check cannot see.
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

describe('export map', () => {
  it('names only files that the build creates, types and code alike', () => {
    for (const target of Object.values(manifest.exports)) {
      for (const file of typeof target === 'string' ? [target] : [target.types, target.default])
        expect(existsSync(join(root, file)), file).toBe(true)
    }
    for (const file of Object.values(manifest.bin)) expect(existsSync(join(root, file)), file).toBe(true)
  })

  it('loads few files: each costs a program more time than the code in it', () => {
    const loadedBy = (file: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(file)) return seen
      seen.add(file)
      for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|\}|export) (?:.* )?"(\..+)";$/gm))
        loadedBy(join(file, '..', target), seen)
      return seen
    }
    const files = ['index.js', 'adapters/express.js', 'adapters/nestjs.js', 'adapters/sqs.js'].map(
      (file) => loadedBy(join(root, 'dist/src', file)).size,
    )
    expect(Math.min(...files)).toBeGreaterThan(1)
    expect(Math.max(...files)).toBeLessThan(30)
  })

  it('has a subpath for every adapter and every machine', () => {
    const adapters = filesIn('src/adapters')
      .filter((file) => !file.includes('/_'))
      .map((file) => `.${file.slice('src/adapters'.length, -3)}`)
    const machines = filesIn('machines').map((file) => `./${file.slice(0, -3)}`)
    expect(Object.keys(manifest.exports).sort()).toEqual(
      ['.', './audit', './package.json', './story', './wire-format.schema.json', ...adapters, ...machines].sort(),
    )
  })

  it('is repeated for TypeScript with node10 resolution, which does not read it', () => {
    const { main, types, typesVersions, exports } = manifest
    const typesOf = (target: string | { readonly types: string }): string =>
      typeof target === 'string' ? target : target.types
    expect({ types, default: main }).toEqual(exports['.'])
    expect(typesVersions).toEqual({
      '*': Object.fromEntries(
        Object.entries(exports)
          .filter(([subpath]) => !['.', './package.json'].includes(subpath))
          .map(([subpath, target]) => [subpath.slice(2), [typesOf(target)]]),
      ),
    })
  })

  it('has all its subpaths in the type check that checks libraries too', () => {
    const checked = readFileSync(join(root, 'test/types/subpaths.ts'), 'utf8').matchAll(/from 'throughline(.*)'/g)
    expect([...checked].map(([, subpath = '']) => `.${subpath}`).sort()).toEqual(
      Object.keys(manifest.exports)
        .filter((subpath) => !subpath.endsWith('.json'))
        .sort(),
    )
  })

  it('exports exactly these names', async () => {
    const names = async (subpath: string): Promise<string[]> => Object.keys((await import(subpath)) as object).sort()
    expect(await names('throughline')).toEqual([
      'ERROR_CODES',
      'ThroughlineError',
      'compile',
      'createTracker',
      'currentRequest',
      'currentTraceId',
      'lineFields',
      'memorySink',
      'pinoSink',
      'propagate',
      'step',
      'traceMixin',
      'trackRequest',
      'w3cTraceId',
      'withSqlComment',
    ])
    expect(await names('throughline/audit')).toEqual(['audit', 'auditFiles', 'foundWrong'])
    expect(await names('throughline/story')).toEqual(['story', 'storyMermaid', 'storyOfFiles', 'storyText'])
    for (const { subpath, exports } of HOSTS) expect(await names(`throughline/${subpath}`), subpath).toEqual(exports)
  })
})

describe('the packed tarball in another project', () => {
  const outside = new OutsideProject()
  const { folder: project } = outside
  const npm = outside.npm.bind(outside)
  const node = outside.node.bind(outside)

  beforeAll(() => void npm('install', outside.tarball, 'express'))
  afterAll(() => outside.remove())

  it('tracks a request, by import and by require', () => {
    const tracked = "const work = trackRequest(() => 'done', { service: 'outside', path: 'job' })\nconsole.log(work())"
    writeFileSync(join(project, 'esm.js'), `import { trackRequest } from 'throughline'\n${tracked}`)
    writeFileSync(join(project, 'cjs.cjs'), `const { trackRequest } = require('throughline')\n${tracked}`)
    for (const file of ['esm.js', 'cjs.cjs']) {
      const lines = node(file).trim().split('\n')
      expect(lines).toContain('done')
      expect(
        lines.filter((line) => line !== 'done').map((line) => (JSON.parse(line) as { state: string }).state),
      ).toEqual(['Received', 'Authenticated', 'Processing', 'Responded'])
    }
  })

  it('has pages whose links lead to its own files', () => {
    const packed = join(project, 'node_modules/throughline')
    const pages = readdirSync(packed, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'))
    expect(pages).toContain('README.md')
    const dead = pages.flatMap((page) =>
      [...readFileSync(join(packed, page), 'utf8').matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)]
        .map(([, link = '']) => join(page, '..', link))
        .filter((file) => !file.includes('https:') && !existsSync(join(packed, file))),
    )
    expect(dead).toEqual([])
  })

  it('has no source maps, whose sources are not in it', () => {
    const files = readdirSync(join(project, 'node_modules/throughline/dist'), { recursive: true, encoding: 'utf8' })
    expect(files.filter((file) => file.endsWith('.map'))).toEqual([])
  })

  it('runs the server of README.md, whose log the command then reads', async () => {
    const [, sample = ''] =
      /```js\n(\/\/ server\.mjs\n.*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
    const anyPort = '.listen(0, function () { process.send(this.address().port) })'
    expect(sample).toContain('.listen(8085)')
    writeFileSync(join(project, 'server.mjs'), sample.replace('.listen(8085)', anyPort))
    const log = openSync(join(project, 'shop.ndjson'), 'w')
    const server = fork(join(project, 'server.mjs'), { cwd: project, stdio: ['ignore', log, 'inherit', 'ipc'] })
    try {
      const [port] = (await once(server, 'message')) as [number]
      const headers = { 'x-trace-id': 'abc-123' }
      const answer = await fetch(`http://127.0.0.1:${String(port)}/kettles/7`, { headers })
      expect([await answer.text(), answer.headers.get('x-trace-id')]).toEqual(['kettle 7\n', 'abc-123'])
    } finally {
      server.kill('SIGTERM')
      await once(server, 'exit')
      closeSync(log)
    }
    expect(npm('exec', '--', 'throughline', 'story', 'abc-123', 'shop.ndjson')).toContain('1 request in shop')
    expect(npm('exec', '--', 'throughline', 'audit', 'shop.ndjson')).toContain('1 request')
  })

  const loadsItsHost = ['grpc', 'nestjs']

  it('imports every subpath that does not load its host', () => {
    writeFileSync(
      join(project, 'subpaths.js'),
      [
        ...HOSTS.map(({ subpath }) => subpath).filter((subpath) => !loadsItsHost.includes(subpath)),
        'audit',
        'story',
        'machines/request',
      ]
        .map((name) => `import 'throughline/${name}'`)
        .join('\n'),
    )
    expect(node('subpaths.js')).toBe('')
  })

  it('audits a log and tells its story, over threads', () => {
    writeFileSync(
      join(project, 'log.js'),
      "import { trackRequest } from 'throughline'\ntrackRequest(() => 'done', { service: 'outside' })()",
    )
    const lines = node('log.js')
    // Threads are started for more than 32 MB.
    writeFileSync(join(project, 'a.log'), lines.repeat(Math.ceil(34e6 / lines.length)))
    writeFileSync(
      join(project, 'ask.js'),
      `import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { auditFiles } from 'throughline/audit'
import { storyOfFiles } from 'throughline/story'
const [{ trace_id }] = readFileSync('a.log', 'utf8').split('\\n').filter(Boolean).map(JSON.parse)
const { checked } = await auditFiles(['a.log'], { threads: 2 })
const { requests } = await storyOfFiles(trace_id, ['*.log'])
console.log(checked.requests, requests[0].state, createRequire(import.meta.url)('throughline/wire-format.schema.json').type)`,
    )
    expect(node('ask.js')).toBe('1 Responded object\n')
  })

  it('has the command', () => {
    expect(npm('exec', '--', 'throughline', 'diagram')).toContain('Received --> Authenticated: auth ok')
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    expect(npm('exec', '--', 'throughline', '--version').trim()).toBe(version)
  })
})
