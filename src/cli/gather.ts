import { Evidence } from '../audit/evidence.ts'
import { readLogs } from '../logs/read-logs.ts'

/** Reads whole logs into the evidence for an audit. */
export async function gather(files: readonly string[]): Promise<Evidence> {
  const evidence = new Evidence()
  for await (const entries of readLogs(files)) {
    for (const entry of entries) {
      if (entry.kind === 'record') evidence.record(entry.record, entry.file, entry.line)
      else if (entry.kind === 'damaged') evidence.damaged(entry.fragment)
      else evidence.other()
    }
  }
  return evidence
}
