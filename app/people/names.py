"""How a person's name and its parts make each other."""


def whole_name(first: str | None, initial: str | None) -> str:
    """`Kim K`; empty where neither is known."""
    return " ".join(part for part in (first, initial) if part)


def parts_of(name: str) -> tuple[str | None, str | None]:
    """The first name and, where there is a last one, its initial."""
    words = name.split()
    return (words[0][:100] if words else None), (words[-1][0] if len(words) > 1 else None)
