"""What a caller says of a work's labels, group by group, judged by who the caller is."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.account import Account
from app.core.errors import FieldError, FieldForbidden, Invalid, pointer
from app.labels.models import LabelGroup, LabelOrigin, RecommendStatus
from app.labels.patching.authority import Labelled, Labels
from app.labels.schemas import LabelSetCreateIn

HUES = {"hue_primary_key": "primary", "hue_secondary_key": "secondary", "hue_tertiary_key": "tertiary"}
FIELDS: Mapping[LabelGroup, tuple[str, tuple[str, ...]]] = {
    LabelGroup.HUES: ("hue_origin", tuple(HUES)),
    LabelGroup.AGE: ("age_origin", ("min_age", "max_age")),
    LabelGroup.READING_ABILITY: ("reading_ability_origin", ("reading_ability_keys",)),
    LabelGroup.SUMMARY: ("summary_origin", ("huey_summary",)),
    LabelGroup.RECOMMEND_STATUS: ("recommend_status_origin", ("recommend_status",)),
}
"""The field of a group's origin, and those of its values."""
ORIGINS = "origins"
"""The member of `info` that says which of its members a labeller gave, and as what; the others are people's."""
BY_SERVER = "The server says this, from who asks."


@dataclass(frozen=True, slots=True)
class Words:
    """The keys that there are, each with its id; reading abilities from the easiest on."""

    hues: Mapping[str, int]
    abilities: Mapping[str, int]


def origins_said(patch: LabelSetCreateIn, account: Account, at: Sequence[str | int]) -> dict[LabelGroup, LabelOrigin]:
    """The groups that a patch speaks of, each with its origin: HUMAN from a person, from a program the one it names.

    Raises ``FieldForbidden`` for what the caller may not say (null says nothing), ``Invalid`` for an origin missing.
    """
    is_person = account.kind == "user"
    own = {"labelled_by_user_id" if is_person else "labelled_by_sa_id": account.id}
    forbidden = [
        FieldError(pointer(*at, name), "field_forbidden", BY_SERVER)
        for name in ("labelled_by_user_id", "labelled_by_sa_id")
        if (value := getattr(patch, name)) is not None and value != own.get(name)
    ]
    if patch.checked is not None and not is_person:
        why = "Whether labels are right is for a person to say."
        forbidden.append(FieldError(pointer(*at, "checked"), "field_forbidden", why))
    origins, missing = dict[LabelGroup, LabelOrigin](), list[FieldError]()
    for group, (name, values) in FIELDS.items():
        origin: LabelOrigin | None = getattr(patch, name)
        if origin is not None and is_person is not (origin is LabelOrigin.HUMAN):
            why = "What a person says is HUMAN." if is_person else "Only what a person says is HUMAN."
            forbidden.append(FieldError(pointer(*at, name), "field_forbidden", why))
        if not _speaks_of(patch, name, values):
            continue
        if origin is None and not is_person:
            missing.append(FieldError(pointer(*at, name), "missing", "Say where these labels come from."))
        origins[group] = origin or LabelOrigin.HUMAN
    if forbidden:
        raise FieldForbidden(errors=forbidden)
    if missing:
        raise Invalid(errors=missing)
    return origins


def labels_said(
    patch: LabelSetCreateIn,
    origins: Mapping[LabelGroup, LabelOrigin],
    known: Labels,
    words: Words,
    account: Account,
    at: Sequence[str | int],
) -> Labels:
    """What a patch makes of the groups that it speaks of. Raises ``Invalid`` for what cannot be."""
    faults = [*_unknown_words(patch, words, at), *_impossible_ages(patch, origins, known, at)]
    if faults:
        raise Invalid(errors=faults)
    said = {group: Labelled(_value(group, patch, known, words), origin) for group, origin in origins.items()}
    if "info" in patch.model_fields_set:
        said[LabelGroup.INFO] = Labelled(_merged(known[LabelGroup.INFO].value, patch.info))
    if "checked" in patch.model_fields_set and account.kind == "user":
        said[LabelGroup.CHECKED] = Labelled(patch.checked)
    return said


def _speaks_of(patch: LabelSetCreateIn, origin: str, values: tuple[str, ...]) -> bool:
    named = patch.model_fields_set.intersection(values)
    if any(getattr(patch, name) is not None for name in named):
        return True
    says_null = origin in patch.model_fields_set and getattr(patch, origin) is None
    return bool(named) and not says_null


def _value(group: LabelGroup, patch: LabelSetCreateIn, known: Labels, words: Words) -> Any:
    if group is LabelGroup.HUES:
        said = ((ordinal, getattr(patch, name)) for name, ordinal in HUES.items())
        return {ordinal: key for ordinal, key in said if key is not None}
    if group is LabelGroup.AGE:
        return _ages(patch, known)
    if group is LabelGroup.READING_ABILITY:
        keys = {key.upper() for key in patch.reading_ability_keys or ()}
        return [key for key in words.abilities if key in keys]
    if group is LabelGroup.SUMMARY:
        return (patch.huey_summary or "").strip() or None
    return (patch.recommend_status or RecommendStatus.GOOD).value


def _ages(patch: LabelSetCreateIn, known: Labels) -> dict[str, int | None]:
    bounds: dict[str, int | None] = known[LabelGroup.AGE].value
    return {name: getattr(patch, name) if name in patch.model_fields_set else bounds[name] for name in bounds}


def _merged(known: dict[str, Any] | None, said: dict[str, Any] | None) -> dict[str, Any] | None:
    if said is None:
        return None
    merged = {name: value for name, value in {**(known or {}), **said}.items() if value is not None}
    if isinstance(origins := merged.get(ORIGINS), dict):
        merged[ORIGINS] = {name: origin for name, origin in origins.items() if name not in said}
    return merged or None


def _unknown_words(patch: LabelSetCreateIn, words: Words, at: Sequence[str | int]) -> Iterator[FieldError]:
    seen = set[str]()
    for name in HUES:
        key = getattr(patch, name)
        if key is None:
            continue
        if key not in words.hues:
            yield _unknown(words.hues, key, *at, name)
        elif key in seen:
            yield FieldError(pointer(*at, name), "duplicate", "This hue is named twice.")
        seen.add(key)
    for index, key in enumerate(patch.reading_ability_keys or ()):
        if key.upper() not in words.abilities:
            yield _unknown(words.abilities, key, *at, "reading_ability_keys", index)


def _unknown(known: Mapping[str, int], key: str, *path: str | int) -> FieldError:
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    return FieldError(pointer(*path), "unknown_key", f"There is no such key.{hint}")


def _impossible_ages(
    patch: LabelSetCreateIn, origins: Mapping[LabelGroup, LabelOrigin], known: Labels, at: Sequence[str | int]
) -> Iterator[FieldError]:
    if LabelGroup.AGE not in origins:
        return
    lowest, highest = _ages(patch, known).values()
    if lowest is not None and highest is not None and lowest > highest:
        name = "min_age" if "min_age" in patch.model_fields_set else "max_age"
        yield FieldError(pointer(*at, name), "ages_reversed", f"From {lowest} to {highest} is no span of ages.")
