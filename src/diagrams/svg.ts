/**
 * Lays out a graph in the DOT language and draws it as SVG.
 *
 * Graphviz runs as WebAssembly in this process: nothing has to be installed, and no child process is started.
 *
 * @throws an Error with Graphviz's message if the text is no valid DOT
 * @example await svg(dot(graphOf(compile(requestMachine))))
 */
export async function svg(dotText: string): Promise<string> {
  // Loaded on demand: most users of the diagrams never draw an SVG.
  const { Graphviz } = await import('@hpcc-js/wasm-graphviz')
  const graphviz = await Graphviz.load()
  return graphviz.layout(dotText, 'svg', 'dot')
}
