/**
 * An XState machine of version 5, as `createMachine()` and `setup().createMachine()` return it.
 *
 * Our published types do not import XState's, which some strict compiler options refuse. The functions are declared as
 * objects, since their parameters would take part in the inference of a machine that is created in place.
 */
export interface MachineLike {
  readonly id: string
  readonly config: object
  readonly root: object
  readonly resolveState: object
  readonly getTransitionData: object
}
