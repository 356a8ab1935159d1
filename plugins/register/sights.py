"""Who may see which rows of the register, as SQL predicates.

Units without their owners are for the owners of the compound; who owns what is for register staff, masked, and for
whoever owns the unit too; numbers of telephones and documents are for holders of ``register.read_contacts`` and for the
person concerned.
"""

from __future__ import annotations

from core.access import ROW_PATH, ROW_PLACE
from core.plugin import Rule, Sight, Where, either, holders, person
from plugins.register.lifecycle import ROLL

READ_UNITS, READ_REGISTER, READ_CONTACTS = "register.read_units", "register.read_register", "register.read_contacts"

UNIT_PATH = (
    "(SELECT c.path FROM register_unit u JOIN core_community c ON c.id = u.community_id WHERE u.id = {t}.unit_id)"
)
UNIT_COMPOUND = "(SELECT u.compound_id FROM register_unit u WHERE u.id = {t}.unit_id)"
ROLL_PATH = "(SELECT rm.path FROM core_matter rm WHERE rm.id = {t}.roll_id)"
ROLL_PLACE = "(SELECT rm.community_id FROM core_matter rm WHERE rm.id = {t}.roll_id)"
IMPORT_PATH = (
    "(SELECT c.path FROM register_import i JOIN core_community c ON c.id = i.community_id WHERE i.id = {t}.roster_id)"
)
IMPORT_PLACE = "(SELECT i.community_id FROM register_import i WHERE i.id = {t}.roster_id)"


ME, TODAY = "person", "today"


def _mine(sql: str, *values: str) -> Rule:
    """Make a rule of a predicate about the viewer, with ``?`` for each of ``values``; nobody in particular sees nothing.

    The predicates ask whether a key is among those found from the viewer's side, so that few rows are looked at.
    """

    def rule(sight: Sight) -> Where:
        if sight.viewer.system is not None:
            return Where("TRUE")
        if sight.viewer.person_id is None:
            return Where("FALSE")
        known = {ME: sight.viewer.person_id, TODAY: sight.today}
        return Where(sql, tuple(known[value] for value in values))

    return rule


def owned(unit: str) -> Rule:
    """Admit whoever owns a unit now, or acts for an owner of it by a mandate; ``unit`` is the SQL of its key."""
    return _mine(
        f"{unit} IN (SELECT own.unit_id FROM register_owner me JOIN register_ownership own ON own.owner_id = me.id "
        "WHERE (me.person_id = ? OR me.representative_id = ?) AND own.until IS NULL)",
        ME, ME,
    )  # fmt: skip


LIVES_HERE = _mine(
    "{t}.id IN (SELECT mr.unit_id FROM register_resident mr WHERE mr.person_id = ? AND mr.state = 'VERIFIED' "
    "AND (mr.until IS NULL OR mr.until > ?))",
    ME, TODAY,
)  # fmt: skip
CO_OWNS = _mine(
    "{t}.id IN (SELECT theirs.owner_id FROM register_owner me JOIN register_ownership mine ON mine.owner_id = me.id "
    "JOIN register_ownership theirs ON theirs.unit_id = mine.unit_id "
    "WHERE me.person_id = ? AND mine.until IS NULL AND theirs.until IS NULL)",
    ME,
)
IS_OWNER = either(person("{t}.person_id"), person("{t}.representative_id"))
OWN_UNITS = either(owned("{t}.id"), LIVES_HERE)

SEES_UNIT = either(
    holders(READ_UNITS, path=ROW_PATH, place="{t}.compound_id"),
    holders(READ_REGISTER, path=ROW_PATH, place="{t}.compound_id"),
    OWN_UNITS,
)
SEES_OWNERSHIP = either(holders(READ_REGISTER, path=UNIT_PATH, place=UNIT_COMPOUND), owned("{t}.unit_id"))
SEES_OWNER = either(holders(READ_REGISTER, path=ROW_PATH, place=ROW_PLACE), IS_OWNER, CO_OWNS)
SEES_CONTACTS = either(holders(READ_CONTACTS, path=ROW_PATH, place=ROW_PLACE), person("{t}.person_id"))
SEES_NAME = either(SEES_CONTACTS, IS_OWNER, CO_OWNS)
SEES_RESIDENT = either(person("{t}.person_id"), holders("register.verify_resident", path=ROW_PATH, place=ROW_PLACE))


def sees_roll(sight: Sight) -> Where:
    """Show what belongs to a roll to whoever may see the roll."""
    seen = ROLL.visible(sight)
    sql = seen.sql.replace("{m}", "seen_m")
    return Where(f"EXISTS (SELECT 1 FROM core_matter seen_m WHERE seen_m.id = {{t}}.roll_id AND {sql})", seen.params)
