import { requestMachine } from '../../machines/request.ts'
import { endSignal, followAudit } from '../../src/cli/audit-follow.ts'
import { processIo } from '../../src/cli/io.ts'
import { compile } from '../../src/machine/compile.ts'

// A process that follows the logs it is given: what goes on is told as ndjson, and the signals are real.
const { signal, release } = endSignal()
process.exitCode = await followAudit(process.argv.slice(2), {
  table: compile(requestMachine),
  limitOf: () => 5_000,
  format: 'ndjson',
  io: processIo,
  signal,
})
release()
