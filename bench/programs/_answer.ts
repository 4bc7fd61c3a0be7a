import { figuresOf, type Figures } from '../figures.ts'

type Command = (figures: Figures) => Figures | Promise<Figures>

/** The other end of a `Child`: answers its commands. */
export function answer(commands: Readonly<Record<string, Command>>): void {
  process.on('message', (message: unknown) => {
    if (typeof message !== 'object' || message === null || !('command' in message) || !('figures' in message)) return
    const command = commands[String(message.command)]
    if (command === undefined) throw new Error(`there is no command ${String(message.command)}`)
    void Promise.resolve(command(figuresOf(message.figures))).then((figures) => process.send?.(figures))
  })
  // The measuring process has gone, so nobody waits for what is left.
  process.once('disconnect', () => process.exit(1))
}
