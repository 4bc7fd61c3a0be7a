/** The members of Express's `req` that tell where it is going. */
export interface RoutedRequest {
  readonly method?: string
  readonly originalUrl?: string
  readonly app?: { readonly router?: { readonly stack?: readonly unknown[] }; readonly parent?: unknown }
}

/** A layer of Express's router: a route, a router that is mounted, or a middleware. */
interface Layer {
  readonly route?: {
    readonly path: unknown
    readonly stack: readonly { readonly handle: unknown }[]
    _handlesMethod(method: string): boolean
  }
  readonly handle: { readonly stack?: readonly unknown[] }
  /** What was matched last, in versions whose `match` gives only true or false. */
  readonly path?: string
  match(path: string): boolean | { readonly path: string; readonly pattern: unknown }
}

/** Whether a handler of a route answers requests: some only look on, and pass them to the next. */
export type IsRequestHandler = (handle: unknown) => boolean

/**
 * The pattern of the route that is going to answer a request, before Express has come to it: the first line is
 * written now, and a path with ids in it would make each request look like a kind of its own.
 *
 * It asks the layers what Express is going to ask them, and changes nothing that Express reads later.
 *
 * @returns undefined where no route matches, or Express is not as it is known
 */
export function routeOf(
  { app, method = '', originalUrl = '' }: RoutedRequest,
  answers: IsRequestHandler = () => true,
): string | undefined {
  const stack = app?.router?.stack
  // An application that is mounted in another does not know where.
  if (stack === undefined || app?.parent !== undefined) return undefined
  try {
    return find(stack, method, originalUrl.replace(/[?#].*/s, ''), answers)
  } catch {
    // A path that cannot be decoded: Express itself is going to answer that.
    return undefined
  }
}

function find(stack: readonly unknown[], method: string, path: string, answers: IsRequestHandler): string | undefined {
  // What stands in a stack is a layer; anything else throws, and no route is found.
  for (const layer of stack as readonly Layer[]) {
    const { route, handle } = layer
    if (
      route === undefined
        ? handle.stack === undefined
        : !route._handlesMethod(method) || !route.stack.some((part) => answers(part.handle))
    )
      continue
    const match = layer.match(path)
    if (match === false) continue
    const at = match === true ? { path: layer.path ?? '', pattern: route?.path ?? layer.path } : match
    const pattern = at.pattern === '/' && route === undefined ? '' : String(at.pattern)
    if (route !== undefined) return pattern
    const rest = find(handle.stack ?? [], method, path.slice(at.path.length) || '/', answers)
    if (rest !== undefined) return rest === '/' && pattern !== '' ? pattern : `${pattern}${rest}`
  }
  return undefined
}
