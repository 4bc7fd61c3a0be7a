import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { run } from '../../src/cli/program.ts'
import type { ExitStatus } from '../../src/cli/io.ts'

/** The result of a command. */
export interface CommandResult {
  readonly status: ExitStatus
  readonly out: string
  readonly err: string
}

/** Runs the command in this process, and collects its output. */
export async function runCommand(...args: readonly string[]): Promise<CommandResult> {
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

/** Creates a folder with these files, which is removed after the test. Returns the path of a file in it. */
export function folderOf(files: Readonly<Record<string, string | Uint8Array>>): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return (name) => join(folder, name)
}
