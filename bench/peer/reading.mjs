// Places, notices, wishes, claims and names: every level of a document is one statement.
import { bounds, now, within } from "./viewers.mjs";

const PLACE = "CAST(id AS TEXT) AS id, code, name, CAST(parent_id AS TEXT) AS parent";
const STATE = `COALESCE((SELECT d.to_state FROM core_deadline d WHERE d.matter_id = m.id AND d.at <= ?
  ORDER BY d.at DESC, d.id DESC LIMIT 1), m.state)`;
const PUBLIC = "EXISTS (SELECT 1 FROM notices_notice p WHERE p.matter_id = x.id AND p.is_public)";
const ON_THE_WALL = "EXISTS (SELECT 1 FROM wishes_wish w WHERE w.matter_id = x.id AND w.published_at IS NOT NULL)";
const SURNAMES = new Set(
  ("欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙慕容仲孙钟离" +
    "长孙宇文司徒鲜于司空闾丘子车亓官司寇巫马公西颛孙壤驷公良漆雕乐正宰父谷梁拓跋夹谷轩辕令狐段干百里呼延东郭" +
    "南门羊舌微生梁丘左丘东门西门南荣第五").match(/../g),
);

/** Return the place with a code, or null. */
export async function community(root, { code }, { store }) {
  const [row] = await store.rows(`SELECT ${PLACE} FROM core_community WHERE code = ?`, [code]);
  return row ?? null;
}

// Nothing is asked for twice within one request, so a cache would only cost the making of its keys.
const batched = (loader) => ({ loader, opts: { cache: false } });

export const loaders = {
  Community: {
    parent: batched(parents),
    children: batched(children),
    notices: batched(notices),
    wishes: batched(wishes),
  },
  Notice: { author: batched(authors) },
  Wish: { author: batched(wishers), claims: batched(claims) },
};

async function parents(queries, { store }) {
  const sql = `SELECT ${PLACE} FROM core_community WHERE id ${store.among}`;
  const above = [...new Set(queries.map(({ obj }) => obj.parent).filter((key) => key !== null))];
  const found = new Map((await store.rows(sql, [store.list(above)])).map((row) => [row.id, row]));
  return queries.map(({ obj }) => found.get(obj.parent) ?? null);
}

async function children(queries, { store }) {
  const sql = `SELECT ${PLACE} FROM core_community WHERE parent_id ${store.among} ORDER BY path`;
  return pages(queries, await store.rows(sql, [store.list(keysOf(queries))]), "parent");
}

async function notices(queries, { store, viewer }) {
  const paths = viewer.paths("notices.oversee_notices");
  const page = `SELECT x.id FROM core_matter x WHERE x.community_id = c.id AND x.kind = 'NOTICE'
    AND ((x.state <> 'DRAFT' AND ${PUBLIC}) OR x.author_id = ? OR ${within("x.path", paths)})
    ORDER BY x.id DESC LIMIT ?`;
  const sql = `SELECT CAST(c.id AS TEXT) AS place, 'Notice_' || m.id AS id, m.title, n.issuer,
    n.posted_at AS "postedAt", CAST(m.author_id AS TEXT) AS author
    FROM core_community c ${store.each(page)} JOIN notices_notice n ON n.matter_id = m.id
    WHERE c.id ${store.among} ORDER BY m.id DESC`;
  const given = [viewer.person, ...bounds(paths), most(queries), store.list(keysOf(queries))];
  return pages(queries, await store.rows(sql, given), "place");
}

async function wishes(queries, { store, viewer }) {
  const paths = viewer.paths("wishes.screen_wish");
  const page = `SELECT x.id FROM core_matter x WHERE x.community_id = c.id AND x.kind = 'WISH'
    AND (x.author_id = ? OR (x.state <> 'WITHDRAWN' AND ${ON_THE_WALL} AND (${within("x.path", paths)})))
    ORDER BY x.id DESC LIMIT ?`;
  const sql = `SELECT CAST(c.id AS TEXT) AS place, CAST(m.id AS TEXT) AS key, 'Wish_' || m.id AS id, m.title, m.path,
    ${STATE} AS state, CAST(m.author_id AS TEXT) AS author
    FROM core_community c ${store.each(page)} WHERE c.id ${store.among} ORDER BY m.id DESC`;
  const given = [now(), viewer.person, ...bounds(paths), most(queries), store.list(keysOf(queries))];
  return pages(queries, await store.rows(sql, given), "place");
}

async function claims(queries, { store, viewer }) {
  const paths = viewer.paths("wishes.screen_wish");
  const sql = `SELECT CAST(k.wish_id AS TEXT) AS wish, 'WishClaim_' || k.id AS id, k.state, k.claimed_at AS "claimedAt"
    FROM wishes_claim k JOIN core_matter m ON m.id = k.wish_id
    WHERE k.wish_id ${store.among} AND (k.claimer_id = ? OR k.companion_id = ? OR m.author_id = ?
      OR ${within("m.path", paths)}) ORDER BY k.id DESC`;
  const me = viewer.person;
  const wanted = queries.map(({ obj }) => obj.key);
  return pages(queries, await store.rows(sql, [store.list(wanted), me, me, me, ...bounds(paths)]), "wish", "key");
}

async function authors(queries, { store, viewer }) {
  return people(queries.map(({ obj }) => obj.author), store, viewer);
}

/** Return whose wishes these are, to themselves and to those who screen wishes. */
async function wishers(queries, { store, viewer }) {
  const shown = ({ author, path }) => author === viewer.person || viewer.reaches("wishes.screen_wish", path);
  return people(queries.map(({ obj }) => (shown(obj) ? obj.author : null)), store, viewer);
}

/** Return people with their names as far as the viewer may see them. */
async function people(keys, store, viewer) {
  const wanted = [...new Set(keys.filter((key) => key !== null))];
  if (!wanted.length) return keys.map(() => null);
  const paths = [...viewer.offices.keys()];
  const sql = `SELECT CAST(p.id AS TEXT) AS id, p.name, (p.id = ? OR EXISTS (SELECT 1 FROM core_appointment a
    JOIN core_community c ON c.id = a.community_id WHERE a.person_id = p.id AND (${within("c.path", paths)}))) AS known
    FROM core_person p WHERE p.id ${store.among}`;
  const rows = await store.rows(sql, [viewer.person, ...bounds(paths), store.list(wanted)]);
  const found = new Map(rows.map(({ id, name, known }) => [id, { name: known ? name : masked(name) }]));
  return keys.map((key) => found.get(key) ?? null);
}

/** Keep the surname, compound ones included; a single character shows nothing. */
function masked(text) {
  const name = [...text.trim()];
  if (name.length < 2) return name.length ? "*" : "";
  const compound = name.slice(0, 2).join("");
  return `${name.length > 2 && SURNAMES.has(compound) ? compound : name[0]}*`;
}

const keysOf = (queries) => [...new Set(queries.map(({ obj }) => obj.id))];
const most = (queries) => Math.max(...queries.map(({ params }) => params.first));

/** Give each query its own first rows, by the column that names the parent. */
function pages(queries, rows, column, key = "id") {
  const below = new Map(queries.map(({ obj }) => [obj[key], []]));
  for (const row of rows) below.get(row[column]).push(row);
  return queries.map(({ obj, params }) => ({ nodes: below.get(obj[key]).slice(0, params.first) }));
}
