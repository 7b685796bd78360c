"""From what a labeller says to labels: which of it may stand beside what is known."""

from collections.abc import Mapping
from typing import Any

from app.labelling.schemas import LEAST_SCORE, MOST_HUES, Judgement
from app.labels.models import HueOrdinal, LabelGroup, LabelOrigin
from app.labels.patching.authority import WEIGHTS, Labelled, Labels
from app.labels.patching.saying import ORIGINS, Words

MEMBERS = (
    *("long_summary", "genres", "styles", "characters", "controversial_themes"),
    *("series", "series_number", "gender", "awards", "notes"),
)
"""What is kept in a labelset's `info`, beside the map of hues."""


def labels_of(judgement: Judgement, origin: LabelOrigin, known: Labels, words: Words) -> Labels:
    """The groups that a judgement speaks of; never `checked`, for only a person checks."""
    said: dict[LabelGroup, Labelled] = {}
    if hues := hues_of(judgement, words):
        said[LabelGroup.HUES] = Labelled(hues, origin)
    if judgement.min_age is not None:
        said[LabelGroup.AGE] = Labelled({"min_age": judgement.min_age, "max_age": judgement.max_age}, origin)
    keys = {key.value for key in judgement.reading_abilities}
    if abilities := [key for key in words.abilities if key in keys]:
        said[LabelGroup.READING_ABILITY] = Labelled(abilities, origin)
    if judgement.short_summary:
        said[LabelGroup.SUMMARY] = Labelled(judgement.short_summary, origin)
    if judgement.recommend_status is not None:
        said[LabelGroup.RECOMMEND_STATUS] = Labelled(judgement.recommend_status.value, origin)
    said[LabelGroup.INFO] = Labelled(_info(judgement, origin, known[LabelGroup.INFO].value))
    return said


def hues_of(judgement: Judgement, words: Words) -> dict[str, str]:
    """The three hues of the highest score, as far as they count and there are such."""
    scores = sorted(judgement.hue_map.items(), key=lambda scored: (-scored[1], scored[0]))
    counting = [key.value for key, score in scores if score > LEAST_SCORE and key.value in words.hues]
    return dict(zip((each.value for each in HueOrdinal), counting[:MOST_HUES], strict=False))


def _info(judgement: Judgement, origin: LabelOrigin, known: dict[str, Any] | None) -> dict[str, Any] | None:
    """What is known, with what is said of it that nobody stronger has said; whose each member is stands in `origins`.

    A member of which that does not say whose it is, is a person's.
    """
    told = judgement.model_dump(mode="json", include={*MEMBERS, "hue_map"})
    info, origins = dict(known or {}), _origins(known)
    for name, value in told.items():
        if value in (None, "", [], {}) or (name in info and not _yields(origins.get(name), origin)):
            continue
        info[name], origins[name] = value, origin.value
    if origins:
        info[ORIGINS] = origins
    return info or None


def _origins(known: Mapping[str, Any] | None) -> dict[str, Any]:
    origins = (known or {}).get(ORIGINS)
    return dict(origins) if isinstance(origins, dict) else {}


def _yields(held: Any, new: LabelOrigin) -> bool:
    return held in set(LabelOrigin) and WEIGHTS[LabelOrigin(held)] <= WEIGHTS[new]
