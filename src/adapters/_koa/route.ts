import { isObject } from '../_objects.ts'

/** The members of Koa's context from which its route is found. */
export interface RoutedContext {
  readonly method: string
  readonly path: string
  readonly app: { readonly middleware: readonly unknown[] }
}

/** The members of @koa/router that are used. */
interface Router {
  match(
    path: string,
    method: string,
  ): {
    readonly route: boolean
    readonly pathAndMethod: readonly { readonly path: unknown; readonly methods: readonly string[] }[]
  }
}

/** The pattern of the route that will match, found through the `router` property of the router's middleware. */
export function routeOf({ app, path, method }: RoutedContext): string | undefined {
  for (const middleware of app.middleware) {
    const router = typeof middleware === 'function' && 'router' in middleware ? middleware.router : undefined
    if (!isRouter(router)) continue
    const { route, pathAndMethod } = router.match(path, method)
    // The last layer with a method is the route; layers without are the router's middleware.
    const layer = route ? pathAndMethod.findLast(({ methods }) => methods.length > 0) : undefined
    if (layer !== undefined) return String(layer.path)
  }
  return undefined
}

function isRouter(value: unknown): value is Router {
  return isObject(value) && typeof value.match === 'function'
}
