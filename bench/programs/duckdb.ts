import { pathToFileURL } from 'node:url'

/** The few things of DuckDB that are used here: the package is no dependency, and has no types here. */
interface DuckDb {
  readonly DuckDBInstance: { create(path: string, settings: Readonly<Record<string, string>>): Promise<{ connect(): Promise<Connection> }> }
}

interface Connection {
  runAndReadAll(sql: string): Promise<{ getRows(): readonly (readonly unknown[])[] }>
}

// Prints how many requests are stuck: `duckdb.js MODULE NOW LIMITS FILE…`, with the limits of states as an object.
const [module = '', now = '', limits = '', ...files] = process.argv.slice(2)
const limitOf = Object.entries(JSON.parse(limits) as Readonly<Record<string, number>>).map(([state, ms]) => `WHEN '${state}' THEN ${ms}`)
// The cast names what the module has; its path is known only now.
const { DuckDBInstance } = (await import(pathToFileURL(module).href)) as DuckDb
const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect()
const answer = await connection.runAndReadAll(`
  SELECT count(*) FROM (
    SELECT arg_max(state, seq) AS state, arg_max("time", seq) AS since
    FROM read_json([${files.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ')}], format = 'newline_delimited', columns = {
      lifecycle: 'VARCHAR', trace_id: 'VARCHAR', request_id: 'VARCHAR', seq: 'INTEGER', state: 'VARCHAR', "time": 'BIGINT'
    })
    WHERE lifecycle = 'transition'
    GROUP BY trace_id, request_id
  )
  WHERE ${now} - since > CASE state ${limitOf.join(' ')} ELSE NULL END`)
console.log(String(answer.getRows()[0]?.[0]))
