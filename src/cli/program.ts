import { Command, CommanderError, Option } from 'commander'
import { ThroughlineError } from '../errors.ts'
import type { AuditFlags } from './audit.ts'
import type { DiagramFlags } from './diagram.ts'
import type { ExitStatus, Io } from './io.ts'
import type { StoryFlags } from './story.ts'

/**
 * Runs the command.
 *
 * @param args without the name of the command
 * @returns the exit status; 2 with one line on stderr for bad usage or unreadable input
 */
export async function run(args: readonly string[], version: string, io: Io): Promise<ExitStatus> {
  let status: ExitStatus = 0
  // Only the called command is loaded. Loading all of them takes longer than a search in 100 MB.
  const finish = async (result: Promise<ExitStatus>): Promise<void> => void (status = await result)
  const program = new Command('throughline')
    .description(
      'Shows what happened to a request, which requests are stuck, and which paths requests take, from log lines.',
    )
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: () => undefined })
  program
    .command('diagram')
    .description('print the state diagram of a machine')
    .addOption(new Option('--format <format>').choices(['mermaid', 'dot', 'svg', 'json']).default('mermaid'))
    .option('--machine <file>', 'an XState machine, in JavaScript or TypeScript')
    .option('--logs <files...>', 'label each transition with its count from these logs')
    .option('--out <file>', 'write to a file')
    .option('--check <file>', 'compare with a file or the code blocks of a Markdown file; status 1 if none is equal')
    .action((flags: DiagramFlags) =>
      finish(import('./diagram.ts').then(({ diagramCommand }) => diagramCommand(flags, io))),
    )
  program
    .command('audit')
    .description('find stuck requests and invalid paths; status 1 if there are any')
    .argument('[files...]', 'log files, globs, .gz, .zst, or - for standard input')
    .addOption(new Option('--format <format>').choices(['table', 'json', 'ndjson']).default('table'))
    .option(
      '--stuck-after <duration>',
      'the threshold for all states (30s), for one (Queued=15m), or learned from the log (auto); may be repeated',
      collect,
    )
    .option(
      '--now <time>',
      'the time at which ages are measured: ISO 8601, epoch milliseconds, or end for the last line',
    )
    .option('--machine <file>', 'an XState machine, in JavaScript or TypeScript')
    .option('--calls', 'also count the calls between services that left no line in these logs')
    .option('--follow', 'keep reading, and report each request when it is stuck and when it moves on')
    .action((files: string[], flags: AuditFlags) =>
      finish(import('./audit.ts').then(({ auditCommand }) => auditCommand(files, flags, io))),
    )
  program
    .command('story')
    .description('show what happened in one trace; status 1 if it is not in the logs')
    .argument('<trace id>', 'a UUID, its 32 hex digits, or any id that was accepted')
    .argument('[files...]', 'log files, globs, .gz, .zst, or - for standard input')
    .addOption(new Option('--format <format>').choices(['text', 'json', 'mermaid']).default('text'))
    .option('--machine <file>', 'an XState machine, in JavaScript or TypeScript')
    .option('--full', 'read all logs completely, even if the id contains the time when the trace began')
    .option('--skew <duration>', 'the maximum difference between clocks (default: 5m)')
    .option(
      '--field <role=name>',
      'the field that other loggers use for something (trace_id=correlationId); may be repeated',
      collect,
    )
    .action((traceId: string, files: string[], flags: StoryFlags) =>
      finish(import('./story.ts').then(({ storyCommand }) => storyCommand(traceId, files, flags, io))),
    )
  for (const command of program.commands) {
    command
      .option('--loki <url>', 'read from this Loki instead of files')
      .option('--query <logql>', 'the lines to read from Loki')
      .option('--since <time>', 'the start of the range: a duration ago (6h) or a time; by default an hour ago')
      .option('--until <time>', 'the end of the range; by default now')
      .option('--loki-tenant <id>', 'the tenant, sent as X-Scope-OrgID')
      .exitOverride()
      .copyInheritedSettings(program)
  }
  try {
    await program.parseAsync([...args], { from: 'user' })
    return status
  } catch (error) {
    return failed(error, args, io)
  }
}

function failed(error: unknown, args: readonly string[], io: Io): ExitStatus {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    const command = ['diagram', 'audit', 'story'].find((name) => name === args[0])
    const problem =
      error.code === 'commander.help'
        ? 'no command: use diagram, audit or story'
        : error.message.replace(/^error: /, '').split('\n', 1)[0]
    io.err(`throughline: ${problem ?? ''}; see throughline ${command === undefined ? '' : `${command} `}--help\n`)
    return 2
  }
  if (!(error instanceof ThroughlineError)) throw error
  io.err(`throughline: ${error.message.replaceAll('\n', ' ')}\n`)
  return 2
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
