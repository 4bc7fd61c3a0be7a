import { Command, InvalidArgumentError, Option } from 'commander'
import { generateLogs } from './generate.ts'
import { ID_KINDS, type LogOptions } from './options.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, kB: 1e3, MB: 1e6, GB: 1e9 }

await new Command('node --import tsx bench/logs/main.ts')
  .description('Writes logs as throughline writes them, and prints what is known of them.')
  .requiredOption('--out <folder>', 'where the files go')
  .option('--seed <number>', 'the same seed gives the same bytes', number)
  .option('--requests <number>', 'how many requests, those between services included', number)
  .option('--bytes <amount>', 'about how much instead: 500kB, 100MB, 1GB', bytes)
  .option('--files <number>', 'one file for all services, or so many', number)
  .option('--services <names>', 'the services, by commas: the first is asked, the last is the worker', (text: string) => text.split(','))
  .option('--async-share <share>', 'of traces that are handed over', share)
  .option('--redelivered-share <share>', 'of messages that come twice', share)
  .option('--stuck-share <share>', 'of requests that hang', share)
  .option('--stuck <number>', 'how many hang instead', number)
  .option('--crashes <number>', 'how many processes are killed', number)
  .option('--damage <share>', 'of lines that are cut, overwritten or joined', share)
  .option('--repeats <share>', 'of lines that are written again', share)
  .option('--others <share>', 'of lines that are not ours', share)
  .option('--skew <service=ms>', 'what the clock of a service is ahead; may be repeated', ahead)
  .option('--rotation <amount>', 'the size at which a file is renamed', bytes)
  .option('--gzip', 'pack what was renamed')
  .option('--rate <number>', 'traces per second of log time', number)
  .addOption(new Option('--id-kind <kind>', 'what trace ids look like').choices(ID_KINDS))
  .option('--denied-share <share>', 'of traces whose caller is refused', share)
  .option('--error-share <share>', 'of requests that end in an error', share)
  .option('--start <time>', 'epoch milliseconds of the first trace', number)
  .action(async ({ out, ...options }: LogOptions & { readonly out: string }) => {
    console.log(JSON.stringify(await generateLogs(out, options), null, 2))
  })
  .parseAsync()

function number(text: string): number {
  const value = Number(text)
  if (!/^\d/.test(text) || !Number.isFinite(value)) throw new InvalidArgumentError('It has to be a number of 0 or more.')
  return value
}

function share(text: string): number {
  const value = number(text)
  if (value >= 1) throw new InvalidArgumentError('It has to be a share: 0 or more, below 1.')
  return value
}

function bytes(text: string): number {
  const [, amount = '', unit = ''] = /^(\d[\d.]*)(\D*)$/.exec(text) ?? []
  const factor = UNITS[unit]
  if (amount === '' || factor === undefined) throw new InvalidArgumentError('It has to be an amount such as 500kB, 100MB or 1GB.')
  return Number(amount) * factor
}

function ahead(text: string, before: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  const [, service = '', ms = ''] = /^(.+)=(-?\d+)$/.exec(text) ?? []
  if (service === '') throw new InvalidArgumentError('It has to be a service and milliseconds, such as worker=-3000.')
  return { ...before, [service]: Number(ms) }
}
