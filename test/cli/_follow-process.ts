import { followAudit, untilSignal } from '../../src/cli/audit-follow.ts'
import { processIo } from '../../src/cli/io.ts'

// A process that follows the logs of its arguments and prints findings as ndjson. Its signals are real.
process.exitCode = await untilSignal((signal) =>
  followAudit(process.argv.slice(2), { stuckAfter: ['5s'], format: 'ndjson', io: processIo, signal }),
)
