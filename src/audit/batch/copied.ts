/** A wider array with all that a narrower one holds. */
export function copied<A extends { set(from: A): void }>(from: A, to: A): A {
  to.set(from)
  return to
}
