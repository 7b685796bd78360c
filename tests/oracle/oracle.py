"""Who may do what, decided from ``policy.yaml`` alone: a second opinion that shares no code with the application."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

import yaml

POLICY: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("policy.yaml").read_text(encoding="utf-8"))
WORD = re.compile(r"\{(\w+)\}")

Values = Mapping[str, Any]


def principals(account: Values) -> set[str]:
    """What an account holds."""
    if not account.get("active", True):
        return _held("anybody", account)
    if account["kind"] == "student" and account.get("school_state", "active") == "inactive":
        return _held("anybody", account)
    return _held(account["kind"], account)


def decide(resource: str, permission: str, account: Values, row: Values) -> bool:
    """Whether the account may do that to the row of the resource."""
    return permits(resource, permission, principals(account), row)


def permits(resource: str, permission: str, held: set[str], row: Values) -> bool:
    """The same for whoever holds these principals, whether or not there is such an account."""
    for rule, values in _rules(resource, row):
        if _names(rule, permission) and _meets(_pattern(rule), held, values) and _passes(rule.get("if", {}), values):
            return "allow" in rule
    return False


def permissions(resource: str) -> list[str]:
    """What may be asked of a resource."""
    found: list[str] = POLICY["resources"][resource]["permissions"]
    return found


def resources() -> list[str]:
    return list(POLICY["resources"])


def kinds() -> list[str]:
    """The kinds of accounts that there are; ``anybody`` is who has none."""
    found: list[str] = POLICY["kinds"]
    return found


def _held(kind: str, account: Values) -> set[str]:
    entry = POLICY["accounts"][kind]
    held = {principal for base in entry.get("is", ()) for principal in _held(base, account)}
    if _passes(entry.get("if", {}), account):
        held.update(principal for pattern in entry.get("holds", ()) for principal in _written(pattern, account))
    return held


def _rules(resource: str, row: Values) -> Iterator[tuple[Values, Values]]:
    """The rules of a resource in order, each with the row that it is asked of."""
    for rule in POLICY["resources"][resource]["rules"]:
        if "rules_of" not in rule:
            yield rule, row
        elif (values := row[rule["at"]] if "at" in rule else row) is not None:
            yield from _rules(rule["rules_of"], values)


def _pattern(rule: Values) -> list[str]:
    pattern = rule["allow"] if "allow" in rule else rule["deny"]
    return [pattern] if isinstance(pattern, str) else pattern


def _names(rule: Values, permission: str) -> bool:
    named = rule["to"]
    return bool(named == "All" or permission == named or (isinstance(named, list) and permission in named))


def _meets(patterns: list[str], held: set[str], values: Values) -> bool:
    """Whether something is held that each of the patterns stands for."""
    return all(not held.isdisjoint(_written(pattern, values)) for pattern in patterns)


def _written(pattern: str, values: Values) -> set[str]:
    """The principals that a pattern stands for: none where a word has no value, several where it has several."""
    words = WORD.findall(pattern)
    choices = [[(word, value) for value in _each(values.get(word))] for word in words]
    written = set()
    for choice in product(*choices):
        text = pattern
        for word, value in choice:
            text = text.replace("{" + word + "}", str(value))
        written.add(text)
    return written


def _each(value: Any) -> list[Any]:
    several = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    return [each for each in several if each is not None]


def _passes(test: Values, values: Values) -> bool:
    for word, wanted in test.items():
        found = _each(values.get(word))
        if wanted in ("set", "unset"):
            if bool(found) is not (wanted == "set"):
                return False
        elif not any(fnmatchcase(str(value), pattern) for value in found for pattern in wanted):
            return False
    return True
