import { pathToFileURL } from 'node:url'

/** The part of DuckDB's API that is used here: the package is not a dependency, so its types are missing. */
interface DuckDb {
  readonly DuckDBInstance: {
    create(path: string, settings: Readonly<Record<string, string>>): Promise<{ connect(): Promise<Connection> }>
  }
}

interface Connection {
  runAndReadAll(sql: string): Promise<{ getRows(): readonly (readonly unknown[])[] }>
}

// Prints the number of stuck requests: `duckdb.js MODULE NOW THRESHOLDS FILE…`, with the thresholds in ms by state, as
// JSON.
const [module = '', now = '', thresholds = '', ...files] = process.argv.slice(2)
const cases = Object.entries(JSON.parse(thresholds) as Readonly<Record<string, number>>).map(
  ([state, ms]) => `WHEN '${state}' THEN ${ms}`,
)
// The cast is needed because the module's path is known only at run time.
const { DuckDBInstance } = (await import(pathToFileURL(module).href)) as DuckDb
const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect()
const result = await connection.runAndReadAll(`
  SELECT count(*) FROM (
    SELECT arg_max(state, seq) AS state, arg_max("time", seq) AS since
    FROM read_json([${files.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ')}], format = 'newline_delimited', columns = {
      lifecycle: 'VARCHAR', trace_id: 'VARCHAR', request_id: 'VARCHAR', seq: 'INTEGER', state: 'VARCHAR', "time": 'BIGINT'
    })
    WHERE lifecycle = 'transition'
    GROUP BY trace_id, request_id
  )
  WHERE ${now} - since > CASE state ${cases.join(' ')} ELSE NULL END`)
console.log(String(result.getRows()[0]?.[0]))
