import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { PassThrough, pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { glob, isDynamicPattern } from 'tinyglobby'
import { ThroughlineError } from '../errors.ts'

/** Standard input, as it is named on a command line. */
export const STDIN = '-'

/**
 * Resolves names and globs to files, each once, in order of name within a glob.
 *
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for one that is missing, a folder, or a glob without a match
 */
export async function resolveFiles(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map(resolve))
  return [...new Set(found.flat())]
}

async function resolve(name: string): Promise<string[]> {
  if (name === STDIN) return [name]
  const found = await stat(name).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
  if (found instanceof Error) {
    // A file whose name merely looks like a pattern has been found by its name already.
    if (!isDynamicPattern(name)) throw unreadable(name, reasonOf(found), found)
    const matches = await glob(name, { onlyFiles: true, absolute: name.startsWith('/'), expandDirectories: false, dot: true })
    if (matches.length === 0) throw unreadable(name, 'no file matches the pattern: check it, and quote it')
    return matches.sort()
  }
  if (found.isDirectory()) throw unreadable(name, `it is a folder: name its files, such as "${name.replace(/\/$/, '')}/*.ndjson"`)
  return [name]
}

/**
 * Opens a log as a stream of bytes: plain or gzip (of any number of members), told apart by its first bytes.
 *
 * A gzip file that ends too soon, as while it is written, gives what can be had.
 *
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where it cannot be read
 */
export async function* openLog(name: string): AsyncGenerator<Uint8Array> {
  try {
    const source = name === STDIN ? process.stdin : createReadStream(name, { highWaterMark: 262_144 })
    const chunks: AsyncIterable<Uint8Array> = name !== STDIN && (await isGzip(name)) ? gunzipped(source) : source
    for await (const chunk of chunks) yield chunk
  } catch (error) {
    throw error instanceof ThroughlineError ? error : unreadable(name, reasonOf(error), error)
  }
}

async function isGzip(name: string): Promise<boolean> {
  const file = await open(name)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}

async function* gunzipped(source: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  // A stream that fails throws away what it still held. This one is ended instead, and its failure looked at after.
  const plain = new PassThrough()
  const failures: NodeJS.ErrnoException[] = []
  const gunzip = createGunzip()
  gunzip.on('data', (chunk: Buffer) => {
    if (plain.write(chunk)) return
    gunzip.pause()
    plain.once('drain', () => gunzip.resume())
  })
  // The pipeline may have let go of the stream before it fails, and an error that nobody hears ends the process.
  gunzip.on('error', (error) => failures.push(error))
  pipeline(source, gunzip, (error) => {
    if (error) failures.push(error)
    plain.end()
  })
  let given = false
  for await (const chunk of plain as AsyncIterable<Buffer>) {
    given = true
    yield chunk
  }
  const [failure] = failures
  if (failure === undefined || failure.code === 'Z_BUF_ERROR') return
  // Where something was whole the rest is damage. Where nothing was, it never was gzip.
  if (failure.code !== 'Z_DATA_ERROR' || !given) throw failure
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file: check its name'
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read: check its permissions'
  if (code === 'Z_DATA_ERROR') return 'it begins like gzip and is none: fetch it again'
  return error instanceof Error ? error.message : String(error)
}

function unreadable(name: string, reason: string, cause?: unknown): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_LOG_UNREADABLE', `cannot read ${name}: ${reason}`, { cause })
}
