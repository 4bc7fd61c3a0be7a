import { Command, InvalidArgumentError, Option } from 'commander'
import { generateLogs } from './generate-logs.ts'
import { ID_KINDS, type LogOptions } from './options.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, kB: 1e3, MB: 1e6, GB: 1e9 }

await new Command('node --import tsx bench/logs/main.ts')
  .description(
    'Generates logs as throughline writes them, and prints their files and the expected audit results as JSON.',
  )
  .requiredOption('--out <folder>', 'the folder for the files')
  .option('--seed <number>', 'the same seed gives the same bytes', parseNumber)
  .option('--requests <number>', 'number of requests, including those between services', parseNumber)
  .option('--bytes <size>', 'approximate size instead: 500kB, 100MB, 1GB', parseBytes)
  .option('--files <number>', 'number of files; 1 is one file for all services', parseNumber)
  .option(
    '--services <names>',
    'comma-separated: the first receives outside requests, the last is the worker',
    (text: string) => text.split(','),
  )
  .option('--async-share <share>', 'share of traces that are handed off to the worker', parseShare)
  .option('--redelivered-share <share>', 'share of messages that are delivered twice', parseShare)
  .option('--stuck-share <share>', 'share of requests that get stuck', parseShare)
  .option('--stuck <number>', 'number of stuck requests instead', parseNumber)
  .option('--crashes <number>', 'how often a process is killed', parseNumber)
  .option('--damage <share>', 'share of lines that are truncated, overwritten or joined', parseShare)
  .option('--repeats <share>', 'share of lines that are written twice', parseShare)
  .option('--others <share>', 'share of third-party lines', parseShare)
  .option('--skew <service=ms>', 'how far the clock of a service is ahead; may be repeated', parseSkew)
  .option('--rotation <size>', 'size at which a file is rotated', parseBytes)
  .option('--gzip', 'compress rotated files')
  .option('--rate <number>', 'traces per second of log time', parseNumber)
  .addOption(new Option('--id-kind <kind>', 'form of trace ids').choices(ID_KINDS))
  .option('--denied-share <share>', 'share of traces whose caller is denied', parseShare)
  .option('--error-share <share>', 'share of requests that end with an error', parseShare)
  .option('--start <time>', 'start of the first trace in epoch milliseconds', parseNumber)
  .action(async ({ out, ...options }: LogOptions & { readonly out: string }) => {
    console.log(JSON.stringify(await generateLogs(out, options), null, 2))
  })
  .parseAsync()

function parseNumber(text: string): number {
  const value = Number(text)
  if (!/^\d/.test(text) || !Number.isFinite(value))
    throw new InvalidArgumentError('It has to be a number of 0 or more.')
  return value
}

function parseShare(text: string): number {
  const value = parseNumber(text)
  if (value >= 1) throw new InvalidArgumentError('It has to be a share: 0 or more, below 1.')
  return value
}

function parseBytes(text: string): number {
  const [, amount = '', unit = ''] = /^(\d[\d.]*)(\D*)$/.exec(text) ?? []
  const factor = UNITS[unit]
  if (amount === '' || factor === undefined)
    throw new InvalidArgumentError('It has to be a size such as 500kB, 100MB or 1GB.')
  return Number(amount) * factor
}

function parseSkew(text: string, previous: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  const [, service = '', ms = ''] = /^(.+)=(-?\d+)$/.exec(text) ?? []
  if (service === '') throw new InvalidArgumentError('It has to be a service and milliseconds, such as worker=-3000.')
  return { ...previous, [service]: Number(ms) }
}
