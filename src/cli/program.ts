import { Command, CommanderError, Option } from 'commander'
import { ThroughlineError } from '../errors.ts'
import type { AuditFlags } from './audit.ts'
import type { DiagramFlags } from './diagram.ts'
import type { ExitStatus, Io } from './io.ts'
import type { StoryFlags } from './story.ts'

/**
 * Runs the command as it was called.
 *
 * @param args what follows the command's name
 * @returns the exit status: bad usage and input that cannot be read are 2, with one line on stderr
 */
export async function run(args: readonly string[], version: string, io: Io): Promise<ExitStatus> {
  let status: ExitStatus = 0
  // A command is loaded when it is called: what the others need takes longer to load than a search of 100 MB.
  const settle = async (result: Promise<ExitStatus>): Promise<void> => void (status = await result)
  const program = new Command('throughline')
    .description(
      'What happened to a request, which requests are stuck, and what their path looks like: read from log lines.',
    )
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: () => undefined })
  program
    .command('diagram')
    .description('print the state diagram of a machine')
    .addOption(new Option('--format <format>').choices(['mermaid', 'dot', 'svg', 'json']).default('mermaid'))
    .option('--machine <file>', 'an XState machine, in JavaScript or TypeScript')
    .option('--logs <files...>', 'count in these logs how often each way was gone')
    .option('--out <file>', 'write to a file')
    .option(
      '--check <file>',
      'compare with a file, or with the fenced blocks of a Markdown file; status 1 where it differs',
    )
    .action((flags: DiagramFlags) =>
      settle(import('./diagram.ts').then(({ diagramCommand }) => diagramCommand(flags, io))),
    )
  program
    .command('audit')
    .description('find stuck requests and invalid paths; status 1 where there are any')
    .argument('[files...]', 'log files, globs, .gz, .zst, or - for standard input')
    .addOption(new Option('--format <format>').choices(['table', 'json', 'ndjson']).default('table'))
    .option(
      '--stuck-after <duration>',
      'a threshold for every state (30s), for one (Queued=15m), or learnt from the log (auto); may be repeated',
      collect,
    )
    .option('--now <time>', 'count ages to this moment: ISO 8601, epoch milliseconds, or end for the last line')
    .option('--machine <file>', 'an XState machine, in JavaScript or TypeScript')
    .option('--follow', 'go on reading, and tell each request when it is stuck and when it moves on')
    .action((files: string[], flags: AuditFlags) =>
      settle(import('./audit.ts').then(({ auditCommand }) => auditCommand(files, flags, io))),
    )
  program
    .command('story')
    .description('tell what happened under one trace id; status 1 where the logs do not know it')
    .argument('<trace id>', 'a UUID, its 32 hex digits, or any id that was accepted')
    .argument('[files...]', 'log files, globs, .gz, .zst, or - for standard input')
    .addOption(new Option('--format <format>').choices(['text', 'json', 'mermaid']).default('text'))
    .option('--machine <file>', 'an XState machine, in JavaScript or TypeScript')
    .option('--full', 'read all of the logs, even if the id tells when the trace began')
    .option(
      '--skew <duration>',
      'how far clocks may disagree: so much is read before the trace began and after its end (default: 5m)',
    )
    .option(
      '--field <role=name>',
      'where other loggers put what is told of a line (trace_id=correlationId); may be repeated',
      collect,
    )
    .action((traceId: string, files: string[], flags: StoryFlags) =>
      settle(import('./story.ts').then(({ storyCommand }) => storyCommand(traceId, files, flags, io))),
    )
  for (const command of program.commands.filter((command) => ['audit', 'story'].includes(command.name()))) {
    command
      .option('--loki <url>', 'read from this Loki instead of files')
      .option('--query <logql>', 'whose lines to read from Loki')
      .option('--since <time>', 'begin that long ago (6h), or at a time; by default an hour')
      .option('--until <time>', 'end then; by default now')
      .option('--loki-tenant <id>', 'the tenant, X-Scope-OrgID')
  }
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program)
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
    const what =
      error.code === 'commander.help'
        ? 'no command: say diagram, audit or story'
        : error.message.replace(/^error: /, '').split('\n', 1)[0]
    io.err(`throughline: ${what ?? ''}; see throughline ${command === undefined ? '' : `${command} `}--help\n`)
    return 2
  }
  if (!(error instanceof ThroughlineError)) throw error
  io.err(`throughline: ${error.message.replaceAll('\n', ' ')}\n`)
  return 2
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
