"""Hand-written SQL: each read is one statement in which the database itself writes the JSON.

``OBJECT`` and ``LIST`` stand for what the two databases call these functions; ``:name`` is a parameter. ``:low`` and
``:high`` bound the paths of the viewer's office (an empty range for whoever has none), ``:on`` and ``:off`` those where
the plugin is on, ``:me`` is the viewer, ``:now`` this moment.
"""

from __future__ import annotations

NEAR = "({m}.path || '') >= :low AND ({m}.path || '') < :high"
"""Within the viewer's office; written so that no planner takes it for the way in."""
ON = "({m}.path || '') >= :on AND ({m}.path || '') < :off"
STATE = (
    "COALESCE((SELECT d.to_state FROM core_deadline d WHERE d.matter_id = {m}.id AND d.at <= :now "
    "ORDER BY d.at DESC, d.id DESC LIMIT 1), {m}.state)"
)
PERSON = """(SELECT OBJECT('name', CASE WHEN p.id = :me OR EXISTS (
  SELECT 1 FROM core_appointment a JOIN core_community ac ON ac.id = a.community_id
  WHERE a.person_id = p.id AND ac.path >= :low AND ac.path < :high)
 THEN p.name ELSE substr(p.name, 1, 1) || '*' END) FROM core_person p WHERE p.id = x.author_id{only})"""
AUTHOR = PERSON.format(only="")
WISHER = PERSON.format(only=f" AND (x.author_id = :me OR {NEAR.format(m='x')})")


def notices(item: str, first: int) -> str:
    """Write a place's newest visible notices; the place is ``c``, each notice ``x``."""
    return f"""OBJECT('nodes', (SELECT LIST({item}) FROM (
  SELECT m.id, m.title, m.author_id, n.issuer, n.posted_at
  FROM core_matter m JOIN notices_notice n ON n.matter_id = m.id
  WHERE m.community_id = c.id AND m.kind = 'NOTICE' AND {ON.format(m="m")} AND (
    (m.state <> 'DRAFT' AND (n.is_public OR EXISTS (
      SELECT 1 FROM notices_audience u JOIN core_community uc ON uc.id = u.community_id
      WHERE u.notice_id = m.id AND uc.path >= :low AND uc.path < :high)))
    OR m.author_id = :me OR ({NEAR.format(m="m")}))
  ORDER BY m.id DESC LIMIT {first}) x))"""  # noqa: S608 - texts of this module


def wishes(item: str, first: int) -> str:
    """Write a place's newest visible wishes; the place is ``c``, each wish ``x``."""
    return f"""OBJECT('nodes', (SELECT LIST({item}) FROM (
  SELECT m.id, m.title, m.state, m.author_id, m.path
  FROM core_matter m JOIN wishes_wish w ON w.matter_id = m.id
  WHERE m.community_id = c.id AND m.kind = 'WISH' AND {ON.format(m="m")} AND (
    (m.state <> 'WITHDRAWN' AND w.published_at IS NOT NULL AND {NEAR.format(m="m")})
    OR m.author_id = :me
    OR EXISTS (SELECT 1 FROM wishes_claim wc WHERE wc.wish_id = m.id AND wc.state IN ('OPEN', 'DONE')
               AND (wc.claimer_id = :me OR wc.companion_id = :me))
    OR (w.submitted_at IS NOT NULL AND {NEAR.format(m="m")}))
  ORDER BY m.id DESC LIMIT {first}) x))"""  # noqa: S608 - texts of this module


NOTICE_20 = f"""OBJECT('id', 'Notice_' || x.id, 'title', x.title, 'issuer', x.issuer, 'postedAt', x.posted_at,
  'author', {AUTHOR})"""
NOTICE_3 = f"OBJECT('id', 'Notice_' || x.id, 'title', x.title, 'author', {AUTHOR})"
WISH_3 = f"""OBJECT('id', 'Wish_' || x.id, 'title', x.title, 'state', {STATE.format(m="x")}, 'author', {WISHER})"""
CLAIMS = f"""OBJECT('nodes', (SELECT LIST(OBJECT('id', 'WishClaim_' || k.id, 'state', k.state, 'claimedAt', k.claimed_at))
  FROM (SELECT id, state, claimed_at FROM wishes_claim WHERE wish_id = x.id
        AND (claimer_id = :me OR companion_id = :me OR x.author_id = :me OR ({NEAR.format(m="x")}))
        ORDER BY id DESC LIMIT 2) k))"""  # noqa: S608 - texts of this module
WISH_100 = f"{WISH_3[:-1]}, 'claims', {CLAIMS})"

COMMUNITY = """SELECT OBJECT('community', (SELECT OBJECT('code', c.code, 'name', c.name,
  'parent', (SELECT OBJECT('code', p.code, 'name', p.name) FROM core_community p WHERE p.id = c.parent_id))
FROM core_community c WHERE c.code = :code))"""

NOTICES = f"""SELECT OBJECT('community', (SELECT OBJECT('name', c.name, 'notices', {notices(NOTICE_20, 20)})
FROM core_community c WHERE c.code = :code))"""  # noqa: S608 - texts of this module


def _below(parent: str, first: int, level: str) -> str:
    page = f"SELECT id FROM core_community WHERE parent_id = {parent}.id ORDER BY path, id LIMIT {first}"  # noqa: S608
    return f"OBJECT('nodes', (SELECT LIST((SELECT body FROM {level} WHERE {level}.id = y.id)) FROM ({page}) y))"  # noqa: S608


_COMPOUNDS = f"""compound(id, body) AS (
  SELECT c.id, OBJECT('code', c.code, 'name', c.name, 'notices', {notices(NOTICE_3, 3)}, 'wishes', {wishes(WISH_3, 3)})
  FROM core_community c)"""  # noqa: S608 - texts of this module
TREE = f"""WITH {_COMPOUNDS},
ward(id, body) AS (
  SELECT w.id, OBJECT('code', w.code, 'name', w.name, 'children', {_below("w", 2, "compound")}) FROM core_community w),
town(id, body) AS (
  SELECT t.id, OBJECT('code', t.code, 'name', t.name, 'children', {_below("t", 60, "ward")}) FROM core_community t)
SELECT OBJECT('community', (SELECT OBJECT('children', {_below("r", 4, "town")})
FROM core_community r WHERE r.code = :code))"""  # noqa: S608 - texts of this module


def _joined(parent: str, first: int, level: str) -> str:
    page = f"SELECT id FROM core_community WHERE parent_id = {parent}.id ORDER BY path, id LIMIT {first}"  # noqa: S608
    inner = f"SELECT group_concat((SELECT body FROM {level} WHERE {level}.id = y.id), ',') FROM ({page}) y"  # noqa: S608
    return f"""'{{"nodes":[' || COALESCE(({inner}), '') || ']}}'"""


def _place(level: str, alias: str, first: int, below: str) -> str:
    return f"""{level}(id, body) AS (SELECT {alias}.id, '{{"code":' || json_quote({alias}.code) || ',"name":'
  || json_quote({alias}.name) || ',"children":' || {_joined(alias, first, below)} || '}}' FROM core_community {alias})"""  # noqa: S608


TREE_ON_SQLITE = f"""WITH {_COMPOUNDS}, {_place("ward", "w", 2, "compound")}, {_place("town", "t", 60, "ward")}
SELECT COALESCE((SELECT '{{"community":{{"children":' || {_joined("r", 4, "town")} || '}}}}'
FROM core_community r WHERE r.code = :code), '{{"community":null}}')"""  # noqa: S608 - texts of this module
"""The upper levels joined as text: SQLite's parser takes no more than a hundred things inside each other, and JSON that
comes out of a subquery would be read anew at each level."""


def wishes_of(aliases: list[str]) -> str:
    """Write the statement that asks for the wishes of several places, each under its alias and with ``:<alias>``."""
    one = "(SELECT OBJECT('wishes', {page}) FROM core_community c WHERE c.code = :{alias})"
    parts = [f"'{alias}', {one.format(page=wishes(WISH_100, 100), alias=alias)}" for alias in aliases]
    return f"SELECT OBJECT({', '.join(parts)})"


# --- Polls: rows, for the verdict is read from frozen figures ---------------------------------------------------------

POLL = f"""SELECT m.title, {STATE.format(m="m")} AS state, t.roll_id, t.round
FROM voting_poll t JOIN core_matter m ON m.id = t.matter_id
WHERE m.id = :id AND {ON.format(m="m")} AND (
  (t.announced_at IS NOT NULL AND {NEAR.format(m="m")}) OR {STATE.format(m="m")} = 'CONFIRMED' OR m.author_id = :me)"""  # noqa: S608
TURNOUT = """SELECT building, all_area_centi, all_heads, area_centi, heads FROM voting_turnout
WHERE poll_id = :id ORDER BY building"""
MOTIONS = """SELECT o.title, r.outcome, r.figures FROM voting_motion o
LEFT JOIN voting_result r ON r.motion_id = o.id AND r.round = :round
WHERE o.poll_id = :id ORDER BY o.position LIMIT 10"""
WAITING = """SELECT e.area_centi FROM register_roll_entry e
LEFT JOIN voting_ballot b ON b.poll_id = :id AND b.entry_id = e.id
WHERE e.roll_id = :roll AND e.struck_at IS NULL AND (b.choices IS NULL
  OR NOT (b.choices LIKE '%F%' OR b.choices LIKE '%A%' OR b.choices LIKE '%B%'))
ORDER BY e.area_centi DESC"""
