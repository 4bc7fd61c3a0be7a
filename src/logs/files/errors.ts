import { errorMessage, ThroughlineError } from '../../errors.ts'
import { isCorruption } from './decompress.ts'

/** The error for a log that cannot be read: it names the log, the reason and the fix. */
export function unreadableLog(name: string, error: unknown): ThroughlineError {
  return error instanceof ThroughlineError ? error : unreadable(name, reasonOf(error), error)
}

/** The same for a reason that is no error of the file system. */
export function unreadable(name: string, reason: string, cause?: unknown): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_LOG_UNREADABLE', `cannot read ${name}: ${reason}`, { cause })
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file: check its name'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied: check its permissions'
  if (code === 'Z_DATA_ERROR') return 'it starts like gzip but is not valid gzip: fetch it again'
  if (isCorruption(error)) return `it starts like zstd, but ${error.message}: fetch it again, or decompress it first`
  return errorMessage(error)
}
