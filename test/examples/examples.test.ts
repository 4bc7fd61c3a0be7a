import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { filesIn, root } from '../sources.ts'

const run = promisify(execFile)

/** A folder is an example of its own, with a test of its own. */
const examples = filesIn('examples').filter((file) => file.split('/').length === 2 && file.endsWith('.ts'))

// Concurrent, since most of an example's time is the start of its process and waiting for a broker.
describe('examples', () => {
  it.concurrent.each(examples)('%s prints something, and ends by itself', async (file) => {
    const { DATABASE_URL: _, ...env } = process.env
    const { stdout } = await run(process.execPath, ['--import', 'tsx', join(root, file)], { env, cwd: root })
    expect(stdout).not.toBe('')
  })
})
