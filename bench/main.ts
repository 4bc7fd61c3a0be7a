import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Argument, Command, InvalidArgumentError } from 'commander'
import type { Report } from './benchmark.ts'
import { BENCHMARKS } from './benchmarks.ts'
import { compilePrograms } from './compile-programs.ts'
import { describeEnvironment } from './environment.ts'
import { clearProgress } from './progress.ts'
import { renderPage } from './render-page.ts'
import { renderTable, renderTargets } from './render-table.ts'
import { loadResults, mergeResults, nodeName, saveResults } from './results.ts'

const PAGE = join(import.meta.dirname, '..', 'docs', 'benchmarks.md')

interface Flags {
  readonly rounds: number
  readonly quick: boolean
  readonly huge: boolean
  readonly keep: boolean
  readonly out?: string
}

// A signal alone would skip the `exit` listeners that remove temporary files.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await new Command('npm run bench --')
  .description(
    'Measures throughline beside other packages. Stores the results and renders docs/benchmarks.md, if all benchmarks run or with --keep; never with --quick.',
  )
  .addArgument(
    new Argument('[names...]', 'the benchmarks to run; all by default').choices(BENCHMARKS.map(({ name }) => name)),
  )
  .option('--rounds <number>', 'rounds of each measurement', parsePositiveInteger, 9)
  .option('--quick', 'a smoke test with small amounts', false)
  .option('--huge', 'include the audit of ten million requests: 15 GB of temporary files', false)
  .option('--keep', 'store the results of the named benchmarks, replacing earlier ones', false)
  .option('--out <file>', 'write a page with the results of this run alone, and store nothing')
  .action(runBenchmarks)
  .parseAsync()

async function runBenchmarks(names: readonly string[], { rounds, quick, huge, keep, out }: Flags): Promise<void> {
  const environment = describeEnvironment(names, { rounds, quick, huge })
  await compilePrograms()
  const reports: Record<string, Report> = {}
  for (const benchmark of BENCHMARKS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const report = await benchmark.run({ rounds: quick ? 2 : rounds, quick, huge })
    clearProgress()
    reports[benchmark.name] = report
    console.log(
      [`\n## ${benchmark.title}`, ...report.tables.map(renderTable), renderTargets(report.targets)].join('\n\n'),
    )
  }
  const results = { environment, reports }
  if (out !== undefined) writeFileSync(out, renderPage(BENCHMARKS, new Map([[nodeName(), results]])))
  else if (!quick && (names.length === 0 || keep)) {
    if (names.length === 0) saveResults(results)
    else mergeResults(results)
    writeFileSync(PAGE, renderPage(BENCHMARKS, loadResults()))
  }
}

function parsePositiveInteger(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('It has to be a whole number of 1 or more.')
  return number
}
