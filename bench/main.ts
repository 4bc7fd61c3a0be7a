import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Argument, Command, InvalidArgumentError } from 'commander'
import { compile } from './compiled.ts'
import { marksText, tableText } from './markdown.ts'
import { page } from './page.ts'
import { progressEnds } from './progress.ts'
import type { Report } from './question.ts'
import { QUESTIONS } from './questions.ts'
import { nodeName, store, storeSome, stored } from './results.ts'
import { setting } from './setting.ts'

const PAGE = join(import.meta.dirname, '..', 'docs', 'benchmarks.md')

interface Flags {
  readonly rounds: number
  readonly quick: boolean
  readonly huge: boolean
  readonly keep: boolean
  readonly out?: string
}

// What is removed at the exit is to be removed then, too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await new Command('npm run bench --')
  .description('Measures throughline beside other packages. All questions together, or named ones with --keep, are kept and rendered into docs/benchmarks.md, unless they are --quick.')
  .addArgument(new Argument('[names...]', 'the questions to ask; all by default').choices(QUESTIONS.map(({ name }) => name)))
  .option('--rounds <number>', 'rounds of each measurement', positive, 9)
  .option('--quick', 'small amounts: shows that everything works, and little more', false)
  .option('--huge', 'what takes 15 GB among the temporary files, too', false)
  .option('--keep', 'keep what the named questions find, in place of what is kept of them', false)
  .option('--out <file>', 'write a page on this run alone to a file, and keep nothing')
  .action(bench)
  .parseAsync()

async function bench(names: readonly string[], { rounds, quick, huge, keep, out }: Flags): Promise<void> {
  const measured = setting(names, { rounds, quick, huge })
  await compile()
  const reports: Record<string, Report> = {}
  for (const question of QUESTIONS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const report = await question.ask({ rounds: quick ? 2 : rounds, quick, huge })
    progressEnds()
    reports[question.name] = report
    console.log([`\n## ${question.title}`, ...report.tables.map(tableText), marksText(report.marks)].join('\n\n'))
  }
  const results = { setting: measured, reports }
  if (out !== undefined) writeFileSync(out, page(QUESTIONS, new Map([[nodeName(), results]])))
  else if (!quick && (names.length === 0 || keep)) {
    if (names.length === 0) store(results)
    else storeSome(results)
    writeFileSync(PAGE, page(QUESTIONS, stored()))
  }
}

function positive(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('It has to be a whole number of 1 or more.')
  return number
}
