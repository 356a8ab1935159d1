"""What schemathesis must know of this schema: how custom scalars are written, and which answers are failures.

It runs in an environment of its own (``requirements/fuzz.txt``) and imports nothing of the project.
"""

from datetime import UTC, date, datetime

import schemathesis
from hypothesis import strategies as st
from schemathesis import graphql
from schemathesis.graphql import nodes

AREAS = st.integers(min_value=0, max_value=10_000_000).map(lambda centi: f"{centi // 100}.{centi % 100:02}")
INSTANTS = st.integers(min_value=946_684_800, max_value=4_102_444_800).map(
    lambda second: datetime.fromtimestamp(second, UTC).isoformat()
)
DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1)).map(str)
ODD = st.text(max_size=20)

graphql.scalar("Area", (AREAS | ODD).map(nodes.String))
graphql.scalar("DateTime", (INSTANTS | ODD).map(nodes.String))
graphql.scalar("Date", (DAYS | ODD).map(nodes.String))
graphql.scalar("Fen", st.integers(min_value=-(2**53), max_value=2**53).map(nodes.Int))
graphql.scalar("JSON", (st.text(max_size=20) | st.just("{}")).map(nodes.String))

OURS = {"INTERNAL", "UNAVAILABLE", "EXECUTION_ERROR"}
"""Codes that say that the failure is the server's; no document may bring one about."""


@schemathesis.check
def answers_for_itself(ctx, response, case) -> None:  # type: ignore[no-untyped-def]
    """An answer is JSON with data or errors; every error has a code, and none of them says that the server failed.

    schemathesis has a check of its own for that, which takes every refusal of a field for a failure of the server.
    """
    assert response.status_code < 500, response.status_code
    answer = response.json()
    assert "data" in answer or answer["errors"], answer
    for error in answer.get("errors", ()):
        code = error["extensions"]["code"]
        assert code not in OURS, error
        assert len(error["message"]) <= 300, error
