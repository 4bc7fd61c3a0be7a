/** Whether a value is an object or an array, whose members may then be read as `unknown`. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
