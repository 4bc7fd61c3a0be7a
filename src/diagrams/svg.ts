/**
 * Lays out a graph in the language of Graphviz and draws it as SVG.
 *
 * Graphviz runs as WebAssembly inside this process: nothing is installed, and no program is started.
 *
 * @throws an Error with Graphviz's own words where the text is no graph
 * @example await svg(dot(graphOf(compile(requestMachine))))
 */
export async function svg(dotText: string): Promise<string> {
  // Loaded here, since most who import the diagrams never draw an SVG.
  const { Graphviz } = await import('@hpcc-js/wasm-graphviz')
  const graphviz = await Graphviz.load()
  return graphviz.layout(dotText, 'svg', 'dot')
}
