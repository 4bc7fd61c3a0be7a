import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FdWriter } from '../../src/sinks/fd-writer.ts'
import { stdoutSink } from '../../src/sinks/stdout.ts'
import type { TransitionRecord } from '../../src/record/record.ts'

const unheard = (error: unknown): never => expect.unreachable(String(error))

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'destination-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

function file(): { log: FdWriter; text: () => string } {
  const path = join(folder(), 'out.ndjson')
  return { log: listened(openSync(path, 'a'), unheard), text: () => readFileSync(path, 'utf8') }
}

function listened(fd: number, onError: (error: unknown) => void): FdWriter {
  const log = new FdWriter(fd)
  log.onError(onError)
  return log
}

/** A pipe that does not block, with nobody at its other end until it is read. */
function pipe(onError: (error: unknown) => void = unheard): { log: FdWriter; read: () => string } {
  const path = join(folder(), 'pipe')
  execFileSync('mkfifo', [path])
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  onTestFinished(() => closeSync(fd))
  const space = Buffer.alloc(1 << 20)
  return { log: listened(fd, onError), read: () => space.toString('utf8', 0, readSync(fd, space)) }
}

const line = (n: number, rest = ''): string => `${JSON.stringify({ n, rest })}\n`

describe('lines are with the operating system', () => {
  test.each([
    ['line', 'at once', true],
    ['entry', 'when a handler is about to run', false],
    ['turn', 'when the turn of the event loop is over', false],
  ] as const)('%s: %s', async (durability, _, atOnce) => {
    const { log, text } = file()
    const sink = stdoutSink('api', durability, unheard, log)
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
    expect(states()).toEqual(atOnce ? ['Received'] : [])
    expect(sink.beforeHandler !== undefined).toBe(durability === 'entry')
    sink.beforeHandler?.()
    expect(states()).toEqual(durability === 'turn' ? [] : ['Received'])
    sink.write({ ...record, lifecycle: 'note', event: 'CACHE_MISS', state: 'Authenticated' })
    expect(states()).toHaveLength(atOnce ? 2 : durability === 'turn' ? 0 : 1)
    await nextTurn()
    expect(states()).toEqual(['Received', 'Authenticated'])
  })

  test('of several trackers in the order in which they were told', async () => {
    const { log, text } = file()
    const trackers = ['one', 'two'].map((service) => stdoutSink(service, 'turn', unheard, log))
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

  test('before the turn is over where it has much to tell, and at once when the process ends', () => {
    const { log, text } = file()
    const many = Array.from({ length: 5_000 }, (_, n) => line(n))
    for (const each of many) log.write(each)
    expect(text().length).toBeGreaterThan(0)
    log.flush()
    expect(text()).toBe(many.join(''))
  })

  test('whatever letters they hold', () => {
    const { log, text } = file()
    const lines = [line(1, 'Grüße'), line(2, '→ 漢字 🎈'), line(3)]
    for (const each of lines) log.write(each)
    log.flushBuffer()
    expect(text()).toBe(lines.join(''))
  })
})

describe('a pipe', () => {
  test('gets whole lines only, so that others who write there tear none, and the rest when it has room', async () => {
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

  test('that stays full has no fault, and what it did not take comes by itself', async () => {
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

test('a destination that fails is told, not thrown, and left alone until it is tried again', () => {
  const errors: unknown[] = []
  const log = listened(openSync('/dev/full', 'a'), (error) => errors.push(error))
  for (let n = 0; n < 100; n += 1) {
    log.write(line(n))
    log.flushBuffer()
  }
  expect(errors).toEqual([expect.objectContaining({ code: 'ENOSPC' })])
  log.flush()
  expect(errors).toHaveLength(2)
})
