import { badOption, checkNames, type OptionNames } from '../tracking/options.ts'

/** How messages relate to the request that sends them. */
export interface SendOptions {
  /**
   * `'hand-off'`: the consumer continues the request. `'child'`: each consumer starts a request with the sender's as
   * its parent, as where one event has several readers. A function decides by the name of the topic or queue.
   */
  readonly as?: SendAs | ((destination: string) => SendAs)
}

export type SendAs = 'hand-off' | 'child'

/** The names of {@link SendOptions}. */
export const SEND_OPTIONS: OptionNames<SendOptions> = { as: true }

/** @throws ThroughlineError THROUGHLINE_BAD_OPTION for options that cannot be used */
export function checkSendOptions(options: SendOptions, names: Readonly<Record<string, true>> = SEND_OPTIONS): void {
  checkNames(options, 'propagate()', [names])
  const { as = 'child' }: { readonly as?: unknown } = options
  if (as !== 'hand-off' && as !== 'child' && typeof as !== 'function')
    throw badOption('as', "'hand-off', 'child', or a function that returns one of them")
}
