"""A school's `info`: what a new one begins with, how a change is merged into it, and who accepted which terms."""

from datetime import UTC, datetime

from pydantic import ValidationError

from app.core.account import Account
from app.core.errors import FieldError, Invalid, Problem, UnknownField, pointer, unknown_field
from app.core.schemas import JsonObject
from app.schools.schemas import SchoolInfo, SchoolInfoIn, SchoolLocationIn

EXPERIMENTS = {"no-jokes": False, "no-choice-option": True}
"""What every school takes part in unless it says otherwise."""
MAX_FAULTS = 100


def new_info(given: SchoolInfoIn, account: Account) -> JsonObject:
    """The `info` to store for a new school."""
    info = given.model_copy(update={"experiments": EXPERIMENTS | (given.experiments or {})}, deep=True)
    _record_acceptance(info, None, account)
    return _stored(info)


def changed_info(stored: object, patch: JsonObject, account: Account) -> JsonObject:
    """`stored` with `patch` merged into it (RFC 7396). Raises `Invalid` where the whole is no `info` then."""
    before = SchoolInfo.of(stored).model_dump(mode="json", exclude_none=True)
    try:
        info = SchoolInfoIn.model_validate(_merged(before, patch))
    except ValidationError as error:
        raise _refusal(error) from None
    _record_acceptance(info, accepted_terms(before), account)
    return _stored(info)


def accepted_terms(stored: object) -> JsonObject | None:
    """The terms that a stored `info` records as accepted."""
    terms = (SchoolInfo.of(stored).terms_acceptance or {}).get("huey_books")
    return terms if isinstance(terms, dict) else None


def without_terms(stored: object) -> JsonObject:
    return SchoolInfo.of(stored).model_dump(exclude={"terms_acceptance"}, exclude_none=True)


def _merged(target: object, patch: JsonObject) -> JsonObject:
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value) if isinstance(value, dict) else value
    return merged


def _record_acceptance(info: SchoolInfoIn, before: JsonObject | None, account: Account) -> None:
    """Let the caller be who accepted, now, wherever the terms in `info` are not those on record."""
    terms = info.terms_acceptance.huey_books if info.terms_acceptance else None
    if terms is None:
        if before is not None:
            what = "Terms that were accepted stay on record."
            raise Invalid(errors=[FieldError("/info/terms_acceptance", "not_clearable", what)])
    elif terms.model_dump(mode="json", exclude_none=True) != before:
        terms.accepted_at = datetime.now(UTC).isoformat()
        terms.accepted_by_user_id = str(account.id) if account.kind == "user" else None


def _stored(info: SchoolInfoIn) -> JsonObject:
    return info.model_dump(mode="json", exclude_none=True)


def _refusal(error: ValidationError) -> Problem:
    faults = [
        _fault(fault["loc"], fault["type"], fault["msg"]) for fault in error.errors(include_url=False)[:MAX_FAULTS]
    ]
    unknown = all(fault.code == "unknown_field" for fault in faults)
    return UnknownField(errors=faults) if unknown else Invalid(errors=faults)


def _fault(loc: tuple[int | str, ...], code: str, message: str) -> FieldError:
    if code == "extra_forbidden":
        return unknown_field({*SchoolInfoIn.model_fields, *SchoolLocationIn.model_fields}, "info", *loc)
    return FieldError(pointer("info", *loc), code, message)
