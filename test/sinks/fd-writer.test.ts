import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FdWriter } from '../../src/sinks/fd-writer.ts'
import { stdoutSink } from '../../src/sinks/stdout.ts'
import type { TransitionRecord } from '../../src/record/record.ts'

const unexpected = (error: unknown): never => expect.unreachable(String(error))

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fd-writer-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

function file(): { log: FdWriter; text: () => string } {
  const path = join(folder(), 'out.ndjson')
  return { log: writerTo(openSync(path, 'a'), unexpected), text: () => readFileSync(path, 'utf8') }
}

function writerTo(fd: number, onError: (error: unknown) => void): FdWriter {
  const log = new FdWriter(fd)
  log.onError(onError)
  return log
}

/** A non-blocking pipe, which is read only by `read`. */
function pipe(onError: (error: unknown) => void = unexpected): { log: FdWriter; read: () => string } {
  const path = join(folder(), 'pipe')
  execFileSync('mkfifo', [path])
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  onTestFinished(() => closeSync(fd))
  const buffer = Buffer.alloc(1 << 20)
  return { log: writerTo(fd, onError), read: () => buffer.toString('utf8', 0, readSync(fd, buffer)) }
}

const line = (n: number, rest = ''): string => `${JSON.stringify({ n, rest })}\n`

describe('lines are written', () => {
  test.each([
    ['line', 'immediately', true],
    ['entry', 'before a handler runs', false],
    ['turn', 'at the end of a turn of the event loop', false],
  ] as const)('%s: %s', async (durability, _, immediately) => {
    const { log, text } = file()
    const sink = stdoutSink('api', durability, unexpected, log)
    const states = (): string[] => [...text().matchAll(/"state":"(\w+)"/g)].map(([, state = '']) => state)
    const record: TransitionRecord = {
      lifecycle: 'transition',
      time: 1,
      service: 'api',
      state: 'Received',
      trace_id: 't',
      request_id: '00000000000000aa',
      seq: 0,
    }
    sink.write(record)
    expect(states()).toEqual(immediately ? ['Received'] : [])
    expect(sink.beforeHandler !== undefined).toBe(durability === 'entry')
    sink.beforeHandler?.()
    expect(states()).toEqual(durability === 'turn' ? [] : ['Received'])
    sink.write({ ...record, lifecycle: 'note', event: 'CACHE_MISS', state: 'Authenticated' })
    expect(states()).toHaveLength(immediately ? 2 : durability === 'turn' ? 0 : 1)
    await nextTurn()
    expect(states()).toEqual(['Received', 'Authenticated'])
  })

  test('in the order of the records, with several trackers', async () => {
    const { log, text } = file()
    const trackers = ['one', 'two'].map((service) => stdoutSink(service, 'turn', unexpected, log))
    const record: TransitionRecord = {
      lifecycle: 'transition',
      time: 1,
      service: '',
      state: 'Received',
      trace_id: 't',
      request_id: '00000000000000aa',
      seq: 0,
    }
    for (let n = 0; n < 3; n += 1) for (const sink of trackers) sink.write(record)
    await nextTurn()
    expect([...text().matchAll(/"service":"(\w+)"/g)].map(([, service]) => service)).toEqual([
      'one',
      'two',
      'one',
      'two',
      'one',
      'two',
    ])
  })

  test('before the end of a turn that has many lines, and immediately by flush()', () => {
    const { log, text } = file()
    const many = Array.from({ length: 5_000 }, (_, n) => line(n))
    for (const each of many) log.write(each)
    expect(text().length).toBeGreaterThan(0)
    log.flush()
    expect(text()).toBe(many.join(''))
  })

  test('with any Unicode', () => {
    const { log, text } = file()
    const lines = [line(1, 'Grüße'), line(2, '→ 漢字 🎈'), line(3)]
    for (const each of lines) log.write(each)
    log.flushBuffer()
    expect(text()).toBe(lines.join(''))
  })
})

describe('a full pipe', () => {
  test('receives whole lines only, so that no other writer splits one, and the rest when it is read', async () => {
    const { log, read } = pipe()
    const many = Array.from({ length: 500 }, (_, n) => line(n, '→'.repeat(n % 97)))
    for (const each of many) log.write(each)
    await nextTurn()
    let text = read()
    expect(text.endsWith('\n')).toBe(true)
    expect(text.length).toBeLessThan(many.join('').length)
    while (text.length < many.join('').length) {
      log.flush()
      text += read()
    }
    expect(text).toBe(many.join(''))
  })

  test('is not an error, and the rest is written without another call', async () => {
    const { log, read } = pipe()
    const many = Array.from({ length: 5_000 }, (_, n) => line(n))
    for (const each of many) log.write(each)
    log.flushBuffer()
    let text = ''
    while (text.length < many.join('').length) {
      try {
        text += read()
      } catch {
        await nextTurn()
      }
    }
    expect(text).toBe(many.join(''))
  })
})

test('a failing destination is reported, does not throw, and is not written to again before the retry', () => {
  const errors: unknown[] = []
  const log = writerTo(openSync('/dev/full', 'a'), (error) => errors.push(error))
  for (let n = 0; n < 100; n += 1) {
    log.write(line(n))
    log.flushBuffer()
  }
  expect(errors).toEqual([expect.objectContaining({ code: 'ENOSPC' })])
  log.flush()
  expect(errors).toHaveLength(2)
})
