// Who asks, and what an office lets them see.
import { unauthorized } from "./keys.mjs";

const CHINA_MS = 8 * 3600 * 1000;
const SESSION = `SELECT CAST(a.person_id AS TEXT) AS person, r.reach, c.path, p.permission
FROM core_refresh_token t JOIN core_account a ON a.id = t.account_id
LEFT JOIN core_appointment h ON h.person_id = a.person_id AND h.since <= ? AND (h.until IS NULL OR h.until > ?)
  AND h.community_id IS NOT NULL
LEFT JOIN core_role r ON r.code = h.role_id
LEFT JOIN core_community c ON c.id = h.community_id
LEFT JOIN core_role_permission p ON p.role_id = r.code AND p.allowed
  AND p.permission IN ('notices.oversee_notices', 'wishes.screen_wish', 'voting.read_poll')
WHERE t.id = ? AND t.account_id = ? AND t.revoked_at IS NULL AND a.session_version = ? AND a.suspended_at IS NULL`;

/** Return this moment as instants are stored: 2026-11-23T18:00:00.000+08:00. */
export function now() {
  return new Date(Date.now() + CHINA_MS).toISOString().replace("Z", "+08:00");
}

/** Somebody who asks: `offices` maps a path to what is allowed there and below, `homes` are paths of membership. */
class Viewer {
  person = "0";
  offices = new Map();
  homes = [];

  /** Say whether an office has a permission at a path. */
  reaches(permission, path) {
    return this.paths(permission).some((office) => path.startsWith(office));
  }

  /** Say whether this viewer is a member of the place with this path. */
  belongs(path) {
    return this.homes.some((home) => home.startsWith(path));
  }

  /** Return where an office has a permission. */
  paths(permission) {
    return [...this.offices].filter(([, may]) => may.has(permission)).map(([path]) => path);
  }
}

export const ANYONE = new Viewer();

/** Load the viewer of a session; throws an error with status 401 when it has ended. */
export async function viewerOf(store, claims) {
  const moment = now();
  const held = await store.rows(SESSION, [moment, moment, claims.sid, claims.sub, claims.sv]);
  if (!held.length) throw unauthorized("this session has ended");
  const viewer = new Viewer();
  viewer.person = held[0].person;
  for (const { reach, path, permission } of held) {
    if (path === null) continue;
    if (reach === "OFFICE") granted(viewer, path).add(permission);
    else viewer.homes.push(path);
  }
  return viewer;
}

function granted(viewer, path) {
  if (!viewer.offices.has(path)) viewer.offices.set(path, new Set());
  return viewer.offices.get(path);
}

/** Write "within one of these paths" as SQL with two parameters for each, so that no planner takes it for the way in. */
export function within(column, paths) {
  return paths.length ? paths.map(() => `((${column} || '') >= ? AND (${column} || '') < ?)`).join(" OR ") : "FALSE";
}

/** Return the parameters of `within`: `0` follows `/`, so it ends everything below a path. */
export function bounds(paths) {
  return paths.flatMap((path) => [path, `${path.slice(0, -1)}0`]);
}
