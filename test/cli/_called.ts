import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { run } from '../../src/cli/program.ts'
import type { ExitStatus } from '../../src/cli/io.ts'

/** What a call of the command came to. */
export interface Called {
  readonly status: ExitStatus
  readonly out: string
  readonly err: string
}

/** Calls the command in this process; what it prints is kept. */
export async function called(...args: readonly string[]): Promise<Called> {
  let [out, err] = ['', '']
  const io = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    width: 100,
    colour: false,
    watched: false,
  }
  const status = await run(args, '1.2.3', io)
  return { status, out, err }
}

/** A folder with these files, which goes with the test. */
export function folderOf(files: Readonly<Record<string, string | Uint8Array>>): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return (name) => join(folder, name)
}
