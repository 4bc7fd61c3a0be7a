import { parseNumericRecord, type NumericRecord } from '../numeric-record.ts'

type Command = (params: NumericRecord) => NumericRecord | Promise<NumericRecord>

/** Runs the commands that the parent process sends through its `Child`. */
export function handleCommands(commands: Readonly<Record<string, Command>>): void {
  process.on('message', (message: unknown) => {
    if (typeof message !== 'object' || message === null || !('command' in message) || !('params' in message)) return
    const command = commands[String(message.command)]
    if (command === undefined) throw new Error(`there is no command ${String(message.command)}`)
    void Promise.resolve(command(parseNumericRecord(message.params))).then((result) => process.send?.(result))
  })
  // The parent process has exited.
  process.once('disconnect', () => process.exit(1))
}
