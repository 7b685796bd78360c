"""Who may overwrite whom: a weaker origin never overwrites a stronger one."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from app.labels.models import LabelGroup, LabelOrigin, RecommendStatus

WEIGHTS: Mapping[LabelOrigin, float] = {
    LabelOrigin.HUMAN: 5,
    LabelOrigin.VERTEXAI: 4,
    LabelOrigin.GPT4: 4,
    LabelOrigin.CLUSTER_RELEVANCE: 3,
    LabelOrigin.CLUSTER_ZAINAB: 2,
    LabelOrigin.NIELSEN_CBMC: 1.5,
    LabelOrigin.NIELSEN_BIC: 1.4,
    LabelOrigin.NIELSEN_THEMA: 1.3,
    LabelOrigin.NIELSEN_IA: 1.2,
    LabelOrigin.NIELSEN_RA: 1.1,
    LabelOrigin.PREDICTED_NIELSEN: 1,
    LabelOrigin.OTHER: 0,
    LabelOrigin.RULES: -1,
}


class Labelled(NamedTuple):
    """What a group of labels says, in JSON's own types, and who said it."""

    value: Any
    origin: LabelOrigin | None = None


Labels: TypeAlias = Mapping[LabelGroup, Labelled]
WITH_ORIGIN = (
    LabelGroup.HUES,
    LabelGroup.AGE,
    LabelGroup.READING_ABILITY,
    LabelGroup.SUMMARY,
    LabelGroup.RECOMMEND_STATUS,
)
UNLABELLED: Labels = {
    LabelGroup.HUES: Labelled({}),
    LabelGroup.AGE: Labelled({"min_age": None, "max_age": None}),
    LabelGroup.READING_ABILITY: Labelled([]),
    LabelGroup.SUMMARY: Labelled(None),
    LabelGroup.RECOMMEND_STATUS: Labelled(RecommendStatus.GOOD.value),
    LabelGroup.INFO: Labelled(None),
    LabelGroup.CHECKED: Labelled(None),
}
"""What a work without labels has."""


def relabel(known: Labels, said: Labels) -> Labels:
    """The labels once somebody has said otherwise: of each group what is known, or what was said if that may stand.

    What was said stands if nobody had said anything, or nobody of more weight. That a book is controversial is taken
    back by people alone. Groups without an origin (`info`, `checked`) have no weight: what was said stands.
    """
    return {
        group: said[group] if group in said and _may_stand(group, known[group], said[group]) else known[group]
        for group in known
    }


def kept(known: Labels, said: Labels) -> list[LabelGroup]:
    """The groups that somebody would have changed, had what is known not had more weight."""
    after = relabel(known, said)
    return [group for group, labelled in said.items() if after[group] != labelled and known[group] != labelled]


def _may_stand(group: LabelGroup, known: Labelled, said: Labelled) -> bool:
    if group not in WITH_ORIGIN:
        return True
    if said.origin is None:
        return False
    if known.value == RecommendStatus.BAD_CONTROVERSIAL and said.origin != LabelOrigin.HUMAN:
        return said.value == known.value and _outweighs(said.origin, known.origin)
    return _outweighs(said.origin, known.origin)


def _outweighs(new: LabelOrigin, old: LabelOrigin | None) -> bool:
    return old is None or WEIGHTS[old] <= WEIGHTS[new]
