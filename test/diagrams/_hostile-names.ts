import fc from 'fast-check'
import { createMachine } from 'xstate'
import { ThroughlineError } from '../../src/errors.ts'
import { compile } from '../../src/machine/compile.ts'
import type { TransitionTable } from '../../src/machine/table.ts'

/** Strings with a meaning in a diagram format, Markdown or HTML. */
export const HOSTILE_NAMES = [
  'state',
  'State',
  'note',
  'Note',
  'default',
  'end',
  'class',
  'classDef',
  'style',
  'click',
  'href',
  'scale',
  'direction',
  'Redirection',
  'TB',
  'LRelay',
  'direction TB',
  'my direction\tLR',
  'accTitle',
  'accDescr',
  'stateDiagram',
  'stateDiagram-v2',
  'hide empty description',
  'root',
  'root_start',
  'root_end',
  'start1',
  'end1',
  'as',
  'fork',
  'node',
  'edge',
  'graph',
  'digraph',
  'subgraph',
  'strict',
  '_start',
  '[*]',
  '<<fork>>',
  '[[join]]',
  '<<choice>>',
  'a; b',
  'a b',
  ' a ',
  'a  b',
  'a: b',
  ':a',
  ':::x',
  'a --> b',
  '-->',
  '--',
  '- a',
  '1. a',
  '1) a',
  '# a',
  '#59;',
  '#quot;',
  '&lt;',
  '&#59;',
  '&amp;amp;',
  '%% a',
  '%%{init: {}}%%',
  '---',
  '"',
  '"quoted"',
  "it's",
  '`a`',
  '*a*',
  '_a_',
  '__a__',
  '~~a~~',
  'a\nb',
  'a\r\nb',
  'a\tb',
  '\\n',
  '\\',
  'a\\',
  '\\N',
  '\\"',
  '<script>alert(1)</script>',
  '<b>',
  '<br/>',
  '</svg>',
  '<!-- a -->',
  ']]>',
  '{',
  '}',
  'a {',
  '|',
  '$$x$$',
  'fa:fa-car',
  'http://example.org',
  'a@b.c',
  'style a :#b;',
  'classDef a :#b;',
  'ﬂ°°59¶ß',
  'ﬂ°',
  '¶ß',
  'ß',
  'é',
  'e\u0301',
  '日本語',
  'حالة',
  '🙂',
  '👩‍👩‍👧',
  '\u0000',
  '\u0001',
  '\u0007',
  '\u001b[31m',
  '\u0085',
  '\u00a0',
  '\u200b',
  '\u202e',
  '\u2028',
  '\ufeff',
  '\uffff',
  'constructor',
  'toString',
  '__proto__',
  'Processing.Charging',
  'a_b',
  'a.b',
  'a-b',
  'a/b',
  'a,b',
  'a (3)',
  'a (3 open)',
  's_a',
  's_',
  'a_2',
  '.',
  '=',
  '?',
  '!',
  '1',
  '0x1',
  'Queued',
] as const

const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...HOSTILE_NAMES) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...HOSTILE_NAMES),
        fc.constantFrom('', ' ', '\n', ';', ': '),
        fc.constantFrom(...HOSTILE_NAMES),
      )
      .map((parts) => parts.join('')),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }) },
)
const label = fc.oneof(
  { weight: 3, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom('', '\ud800', 'direction') },
)

interface MachineSpec {
  readonly names: readonly string[]
  readonly finals: readonly boolean[]
  readonly steps: readonly (readonly [from: number, event: string, to: number, label: string])[]
}

const machineSpec: fc.Arbitrary<MachineSpec> = fc.uniqueArray(text, { minLength: 1, maxLength: 7 }).chain((names) =>
  fc.record({
    names: fc.constant(names),
    finals: fc.array(fc.boolean(), { minLength: names.length, maxLength: names.length }),
    steps: fc.array(fc.tuple(fc.nat(names.length - 1), text, fc.nat(names.length - 1), label), { maxLength: 12 }),
  }),
)

/** Tables of random machines with hostile names. Some states are dead ends, some are unreachable. */
export const hostileTable: fc.Arbitrary<TransitionTable> = machineSpec
  .map((spec) => compileSpec(spec))
  .filter((table) => table !== undefined)

/** The table of a chain of states whose edges share one label. Undefined if `compile` rejects a name. */
export function chainTable(names: readonly string[], description: string): TransitionTable | undefined {
  return compileSpec({
    names,
    finals: [],
    steps: names.slice(1).map((_, index) => [index, 'NEXT', index + 1, description]),
  })
}

function compileSpec({ names, finals, steps }: MachineSpec): TransitionTable | undefined {
  // XState reads a key that starts with "#" as the id of another state.
  if (names.some((name) => name.startsWith('#'))) return undefined
  const states = names.map((name, index): [string, object] => {
    const own = steps.filter(([from, event]) => from === index && !event.includes('*'))
    const on = Object.fromEntries(
      own.map(([, event, to, description]) => [event, { target: `#n${String(to)}`, description }]),
    )
    return [name, { id: `n${String(index)}`, ...(finals[index] === true ? { type: 'final' } : { on }) }]
  })
  try {
    return compile(createMachine({ initial: names[0] ?? '', states: Object.fromEntries(states) }))
  } catch (error) {
    // No diagram is drawn of names that compile rejects: too long, a lone surrogate, or lost by XState.
    if (error instanceof ThroughlineError) return undefined
    throw error
  }
}
