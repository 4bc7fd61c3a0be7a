/** The members of Express's `req` from which its route is found. */
export interface RoutedRequest {
  readonly method?: string
  readonly originalUrl?: string
  readonly app?: {
    readonly router?: Router
    /** The router of Express 4, where `router` throws. */
    readonly _router?: Router
    readonly parent?: unknown
  }
}

interface Router {
  readonly stack?: readonly unknown[]
}

/** A layer of Express's router: a route, a mounted router, or a middleware. */
interface Layer {
  readonly route?: Route
  readonly handle: Router
  /** The last matched path, in versions whose `match` returns a boolean. */
  readonly path?: string
  /** The compiled pattern, and the names of its parameters, in Express 4. */
  readonly regexp?: RegExp
  readonly keys?: readonly { readonly name: string | number }[]
  match(path: string): boolean | { readonly path: string; readonly pattern: unknown }
}

interface Route {
  readonly path: unknown
  readonly stack: readonly { readonly handle: unknown }[]
  /** Those that it answers; `_all` for `router.all`. */
  readonly methods: Readonly<Record<string, boolean | undefined>>
  _handlesMethod?(method: string): boolean
  /** The same in Express 4. */
  _handles_method?(method: string): boolean
}

/** Whether a handler of a route answers requests; others pass them on. */
export type IsRequestHandler = (handle: unknown) => boolean

/** A route that matches a request. */
interface Match {
  readonly pattern: string
  /** How likely it only passes requests on: 0 for a route of one method and without a wildcard. */
  readonly doubt: number
}

/**
 * The pattern of the route that will answer a request, before Express has routed it: the first line is written now, and
 * a path that contains ids would put each request in a group of its own.
 *
 * Where several match, the first without a wildcard is taken, and of these the first for the request's method alone:
 * `app.all('/api/*splat', check)` usually passes requests on. It calls `match` of each layer as Express will, and changes
 * nothing that Express reads later.
 *
 * @returns undefined if no route matches, or if Express's internals are not as expected
 */
export function routeOf(
  { app, method = '', originalUrl = '' }: RoutedRequest,
  isHandler: IsRequestHandler = () => true,
): string | undefined {
  const stack = (app?._router ?? app?.router)?.stack
  // A mounted application does not know its mount path.
  if (stack === undefined || app?.parent !== undefined) return undefined
  let best: Match | undefined
  try {
    for (const match of matches(stack, method, originalUrl.replace(/[?#].*/s, ''), isHandler)) {
      if (best === undefined || match.doubt < best.doubt) best = match
      if (best.doubt === 0) break
    }
  } catch {
    // A path that cannot be decoded, which Express answers itself.
  }
  return best?.pattern
}

/** The routes that match, in the order of the stack. */
function* matches(
  stack: readonly unknown[],
  method: string,
  path: string,
  isHandler: IsRequestHandler,
): Generator<Match> {
  // A stack contains layers; anything else throws, and no route is found.
  for (const layer of stack as readonly Layer[]) {
    const { route, handle } = layer
    if (route === undefined ? handle.stack === undefined : !answers(route, method, isHandler)) continue
    const match = layer.match(path)
    if (match === false) continue
    const at = match === true ? { path: layer.path ?? '', pattern: route?.path ?? mountPattern(layer, path) } : match
    const pattern = at.pattern === '/' && route === undefined ? '' : String(at.pattern)
    if (route !== undefined) {
      yield { pattern, doubt: (pattern.includes('*') ? 2 : 0) + (isForAll(route) ? 1 : 0) }
      continue
    }
    for (const { pattern: rest, doubt } of matches(
      handle.stack ?? [],
      method,
      path.slice(at.path.length) || '/',
      isHandler,
    ))
      yield { pattern: rest === '/' && pattern !== '' ? pattern : `${pattern}${rest}`, doubt }
  }
}

/** `app.all` names every method that Node knows, which is more than a route is ever given by hand. */
function isForAll({ methods }: Route): boolean {
  return methods._all === true || Object.keys(methods).length > 9
}

function answers(route: Route, method: string, isHandler: IsRequestHandler): boolean {
  const handles = route._handlesMethod?.(method) ?? route._handles_method?.(method) ?? false
  return handles && route.stack.some((part) => isHandler(part.handle))
}

/** The pattern of a mounted router, which Express 4 keeps only compiled: the matched path with its parameters' names. */
function mountPattern({ path = '', regexp, keys = [] }: Layer, requested: string): string {
  if (keys.length === 0 || regexp === undefined) return path
  const groups = new RegExp(regexp.source, `${regexp.flags}d`).exec(requested)?.indices ?? []
  let pattern = path
  for (const [index, { name }] of [...keys.entries()].reverse()) {
    const [start, end] = groups[index + 1] ?? []
    if (start !== undefined) pattern = `${pattern.slice(0, start)}:${String(name)}${pattern.slice(end)}`
  }
  return pattern
}
