import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { BEGUN, ndjson, SYNC, transitions } from '../sample-log.ts'
import { uuid } from '../log-arbitraries.ts'
import { folderOf, runCommand } from './_run-command.ts'

const TRACE = uuid(BEGUN, 1)
const HOUR = 3_600_000
const own = transitions(SYNC, { trace_id: TRACE })
/** 3 MB of third-party lines, from ten hours before the trace to ten hours after it. */
const others = Array.from({ length: 20_000 }, (_, index) => ({
  time: BEGUN + (index - 10_000) * 3_600,
  msg: 'x'.repeat(100),
}))
const LONG = ndjson([...others.slice(0, 10_001), ...own, ...others.slice(10_001)])

describe('throughline story on a long log', () => {
  test('reads only a part, and reports this with the format text', async () => {
    const file = folderOf({ 'long.log': LONG })
    const text = await runCommand('story', TRACE, file('long.log'))
    expect(text).toMatchObject({ status: 0, out: expect.stringMatching(/Responded/) as string })
    expect(text.err).toMatch(/^throughline: read \d of \d MB, from \S+ on; --full reads everything\n$/)
    expect(await runCommand('story', TRACE, file('long.log'), '--format', 'json')).toMatchObject({ status: 0, err: '' })
  })

  test('--full reads everything, with the same result', async () => {
    const file = folderOf({ 'long.log': LONG })
    const full = await runCommand('story', TRACE, file('long.log'), '--full')
    expect(full).toMatchObject({ status: 0, err: '' })
    expect((await runCommand('story', TRACE, file('long.log'))).out).toBe(full.out)
  })

  test('--skew is the maximum difference between clocks', async () => {
    const early = transitions(SYNC, { trace_id: TRACE, request_id: 'b7ad6b7169203339' }, -8 * HOUR)
    const file = folderOf({ 'long.log': ndjson([...others, ...own, ...early].sort((a, b) => a.time - b.time)) })
    const ids = async (...flags: string[]): Promise<number> =>
      (await runCommand('story', TRACE, file('long.log'), ...flags)).out.split('[b7ad6b7169').length - 1
    expect(await ids()).toBe(1)
    expect(await ids('--skew', '9h')).toBe(2)
    expect(await runCommand('story', TRACE, file('long.log'), '--skew', 'soon')).toMatchObject({
      status: 2,
      err: expect.stringMatching(/"soon" is not a duration: write 250ms/) as string,
    })
  })

  test('a corrupted compressed log is reported on stderr', async () => {
    const file = folderOf({ 'torn.gz': Buffer.concat([gzipSync(ndjson(own)), Buffer.from('no gzip')]) })
    const { status, err } = await runCommand('story', TRACE, file('torn.gz'))
    expect(status).toBe(0)
    expect(err).toMatch(/^throughline: .*torn\.gz is corrupted \(.*\): it was read up to there; fetch it again\n$/)
  })
})
