// The databases: better-sqlite3 on the loop's own thread, or a pool of ten connections to PostgreSQL.
// Statements are prepared once; `?` stands for a parameter. Keys exceed what a number holds, so they travel as text.
import Database from "better-sqlite3";
import pg from "pg";

const CONNECTIONS = 10; // as many as our own server has

/** Open the database at an address as the environment names it. */
export function open(url) {
  return url.startsWith("sqlite:") ? lite(url.replace("sqlite://", "")) : postgres(url);
}

function lite(file) {
  const database = new Database(file, { readonly: true });
  database.pragma("cache_size = -65536");
  const prepared = remembered((sql) => database.prepare(sql));
  return {
    rows: async (sql, params) => prepared(sql).all(params),
    /** Compare with a list of keys, which is one parameter. */
    among: "IN (SELECT value FROM json_each(?))",
    list: (keys) => `[${keys.join()}]`,
    /** Join the rows whose keys a statement gives for each row before it. */
    each: (page) => `JOIN core_matter m ON m.id IN (${page})`,
  };
}

function postgres(url) {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
  let count = 0;
  const prepared = remembered((sql) => ({ name: `s${++count}`, text: numbered(sql) }));
  return {
    rows: async (sql, params) => (await pool.query({ ...prepared(sql), values: params })).rows,
    among: "= ANY(?::bigint[])",
    list: (keys) => keys,
    each: (page) => `JOIN LATERAL (${page}) newest ON TRUE JOIN core_matter m ON m.id = newest.id`,
  };
}

function numbered(sql) {
  let at = 0;
  return sql.replace(/\?/g, () => `$${++at}`);
}

function remembered(make) {
  const known = new Map();
  return (sql) => {
    let found = known.get(sql);
    if (found === undefined) known.set(sql, (found = make(sql)));
    return found;
  };
}
