"""The review queue: which labels a person should look at first."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import driver_of
from app.labelling import queries
from app.labelling.schemas import WorkToReview
from app.labels.models import LabelGroup, LabelOrigin

MATTERS: Mapping[LabelGroup, int] = {
    LabelGroup.HUES: 40,
    LabelGroup.AGE: 30,
    LabelGroup.READING_ABILITY: 20,
    LabelGroup.SUMMARY: 10,
}
"""How much of a hundred each group is worth: recommendations go by the first three."""
DOUBTS: Mapping[LabelOrigin, float] = {
    LabelOrigin.HUMAN: 0,
    LabelOrigin.CLUSTER_RELEVANCE: 0.4,
    LabelOrigin.CLUSTER_ZAINAB: 0.4,
    LabelOrigin.NIELSEN_CBMC: 0.2,
    LabelOrigin.NIELSEN_BIC: 0.2,
    LabelOrigin.NIELSEN_THEMA: 0.2,
    LabelOrigin.NIELSEN_IA: 0.3,
    LabelOrigin.NIELSEN_RA: 0.3,
    LabelOrigin.PREDICTED_NIELSEN: 0.5,
    LabelOrigin.OTHER: 0.5,
}
"""How unsure a label is of which nobody said how sure it is, by whose word it is."""
JUDGING = (LabelOrigin.VERTEXAI, LabelOrigin.GPT4, LabelOrigin.RULES)
"""Those that say how sure they are."""
UNKNOWN = 0.4
"""How sure a label of theirs is where they did not say."""


def _statement() -> str:
    """The select, with these tables in it: looking them up for each of a hundred thousand works takes seconds."""
    doubts = " ".join(f"WHEN '{origin.value}' THEN {doubt}" for origin, doubt in DOUBTS.items())
    judging = ", ".join(f"'{origin.value}'" for origin in JUDGING)
    each = {
        group.value: queries.DOUBT.format(group=group.value, judging=judging, unknown=UNKNOWN, doubts=doubts)
        for group in MATTERS
    }
    return queries.TO_REVIEW.format(
        **each,
        sum=" + ".join(f"{matters} * {group.value}" for group, matters in MATTERS.items()),
        missing=", ".join(f"CASE WHEN p.no_{group.value} THEN '{group.value}' END" for group in MATTERS),
        unsure=", ".join(
            f"CASE WHEN NOT p.no_{group.value} AND p.{group.value} > 0 THEN '{group.value}' END" for group in MATTERS
        ),
    )


STATEMENT = _statement()


async def to_review(
    session: AsyncSession, *, after: tuple[int, int] | None, skip: int, limit: int
) -> list[WorkToReview]:
    """One page of the held works whose labels are missing, unchecked or doubted: those that matter most first.

    ``after`` is the weight and the id of the last work seen. A work that no library holds can wait, and is not here.
    """
    weight, last = after or (None, None)
    values = {"weight": weight, "after": last, "skip": skip, "limit": limit}
    rows = await (await driver_of(session).execute(STATEMENT, values)).fetchall()
    names = ("work_id", "title", "libraries", "missing", "unsure", "doubt", "weight", "checked")
    return [WorkToReview.model_validate(dict(zip(names, row, strict=True))) for row in rows]
