// Polls: turnout, verdict, and the fewest voters that are missing. Areas are whole hundredths of m².
import { now } from "./viewers.mjs";

const POLL = `SELECT CAST(m.id AS TEXT) AS id, m.title, m.path, CAST(t.roll_id AS TEXT) AS roll, t.round,
  COALESCE((SELECT d.to_state FROM core_deadline d WHERE d.matter_id = m.id AND d.at <= ?
    ORDER BY d.at DESC, d.id DESC LIMIT 1), m.state) AS state
FROM voting_poll t JOIN core_matter m ON m.id = t.matter_id WHERE m.id = ? AND t.announced_at IS NOT NULL`;
const TURNOUT = `SELECT building, all_area_centi, all_heads, area_centi, heads FROM voting_turnout
WHERE poll_id = ? ORDER BY building`;
const MOTIONS = `SELECT o.title, r.outcome, r.figures FROM voting_motion o
LEFT JOIN voting_result r ON r.motion_id = o.id AND r.round = ? WHERE o.poll_id = ? ORDER BY o.position LIMIT ?`;
const WAITING = `SELECT e.area_centi, COUNT(*) AS voters FROM register_roll_entry e
LEFT JOIN voting_ballot b ON b.poll_id = ? AND b.entry_id = e.id
WHERE e.roll_id = ? AND e.struck_at IS NULL AND (b.choices IS NULL
  OR NOT (b.choices LIKE '%F%' OR b.choices LIKE '%A%' OR b.choices LIKE '%B%'))
GROUP BY e.area_centi ORDER BY e.area_centi DESC`;

/** Return a poll to those who may watch it, or null. */
export async function poll(root, { id }, { store, viewer }) {
  const [row] = await store.rows(POLL, [now(), id.replace("Poll_", "")]);
  const may = row && (viewer.reaches("voting.read_poll", row.path) || viewer.belongs(row.path));
  return may ? row : null;
}

export const resolvers = { Poll: { turnout, motions }, Motion: { result }, Turnout: { fewestVoters } };

async function turnout(row, given, { store }) {
  const rows = await store.rows(TURNOUT, [row.id]);
  const sum = (column) => rows.reduce((total, one) => total + Number(one[column]), 0);
  const area = quorum(sum("area_centi"), sum("all_area_centi"));
  const heads = quorum(sum("heads"), sum("all_heads"));
  return {
    poll: row,
    missing: { area: area.margin, heads: heads.margin },
    area: area.fraction,
    heads: heads.fraction,
    isQuorate: !area.margin && !heads.margin,
    gapZh: gap(area.margin, heads.margin),
    buildings: rows.map((one) => ({ building: one.building, heads: fraction(one.heads, one.all_heads) })),
  };
}

/** Compare with two thirds, exactly; the margin is how much more is needed. */
function quorum(part, whole) {
  const needed = Math.max(1, Math.ceil((2 * whole) / 3));
  return { fraction: fraction(part, whole), margin: Math.max(0, needed - part) };
}

function gap(area, heads) {
  const parts = [heads ? `${heads} 位业主` : "", area ? `${areaText(area)} 平方米` : ""].filter(Boolean);
  return parts.length ? `还需 ${parts.join("、")}` : "已达到";
}

/** Return the fewest further voters: the largest areas first, and at least as many as heads are missing. */
async function fewestVoters({ poll: { id, roll }, missing }, given, { store }) {
  let { area } = missing;
  let needed = 0;
  let waiting = 0;
  for (const group of await store.rows(WAITING, [id, roll])) {
    const [size, voters] = [Number(group.area_centi), Number(group.voters)];
    const taken = area <= 0 ? 0 : size ? Math.min(voters, Math.ceil(area / size)) : voters;
    area -= taken * size;
    needed += taken;
    waiting += voters;
  }
  return Math.min(Math.max(needed, missing.heads), waiting);
}

async function motions(row, { first }, { store }) {
  return { nodes: await store.rows(MOTIONS, [row.round, row.id, first]) };
}

function result({ outcome, figures }) {
  if (figures === null) return null;
  const data = typeof figures === "string" ? JSON.parse(figures) : figures;
  const { sums } = data.strict;
  const legs = (data.follow ?? data.strict).legs.map((leg) => ({ ...leg, marginZh: leg.margin_zh }));
  const strict = { inFavour: weight(sums.FOR), against: weight(sums.AGAINST) };
  return { outcome, verdict: { outcome: outcome ?? data.outcome, strict, legs } };
}

const weight = ({ area, heads }) => ({ area: areaText(area), heads });
const fraction = (numerator, denominator) => ({ numerator: String(numerator), denominator: String(denominator) });
const areaText = (hundredths) => `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
