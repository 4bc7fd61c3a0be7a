/** The members of Express's `req` from which its route is found. */
export interface RoutedRequest {
  readonly method?: string
  readonly originalUrl?: string
  readonly app?: { readonly router?: { readonly stack?: readonly unknown[] }; readonly parent?: unknown }
}

/** A layer of Express's router: a route, a mounted router, or a middleware. */
interface Layer {
  readonly route?: {
    readonly path: unknown
    readonly stack: readonly { readonly handle: unknown }[]
    _handlesMethod(method: string): boolean
  }
  readonly handle: { readonly stack?: readonly unknown[] }
  /** The last matched path, in versions whose `match` returns a boolean. */
  readonly path?: string
  match(path: string): boolean | { readonly path: string; readonly pattern: unknown }
}

/** Whether a handler of a route answers requests; others pass them on. */
export type IsRequestHandler = (handle: unknown) => boolean

/**
 * The pattern of the route that will answer a request, before Express has routed it: the first line is written now, and
 * a path that contains ids would put each request in a group of its own.
 *
 * It calls `match` of each layer as Express will, and changes nothing that Express reads later.
 *
 * @returns undefined if no route matches, or if Express's internals are not as expected
 */
export function routeOf(
  { app, method = '', originalUrl = '' }: RoutedRequest,
  isHandler: IsRequestHandler = () => true,
): string | undefined {
  const stack = app?.router?.stack
  // A mounted application does not know its mount path.
  if (stack === undefined || app?.parent !== undefined) return undefined
  try {
    return find(stack, method, originalUrl.replace(/[?#].*/s, ''), isHandler)
  } catch {
    // A path that cannot be decoded, which Express answers itself.
    return undefined
  }
}

function find(
  stack: readonly unknown[],
  method: string,
  path: string,
  isHandler: IsRequestHandler,
): string | undefined {
  // A stack contains layers; anything else throws, and no route is found.
  for (const layer of stack as readonly Layer[]) {
    const { route, handle } = layer
    if (
      route === undefined
        ? handle.stack === undefined
        : !route._handlesMethod(method) || !route.stack.some((part) => isHandler(part.handle))
    )
      continue
    const match = layer.match(path)
    if (match === false) continue
    const at = match === true ? { path: layer.path ?? '', pattern: route?.path ?? layer.path } : match
    const pattern = at.pattern === '/' && route === undefined ? '' : String(at.pattern)
    if (route !== undefined) return pattern
    const rest = find(handle.stack ?? [], method, path.slice(at.path.length) || '/', isHandler)
    if (rest !== undefined) return rest === '/' && pattern !== '' ? pattern : `${pattern}${rest}`
  }
  return undefined
}
