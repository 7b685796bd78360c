"""The corpus of forged API keys: text that no key of this environment can be, whatever the database holds."""

from collections.abc import Iterator

from app.core.api_keys import ENVIRONMENTS, ApiKeys, checksum

Forgery = tuple[str, str]


def forged_keys(keys: ApiKeys) -> list[Forgery]:
    """Names and texts, none of which `keys` may read; names and texts are unique."""
    text = keys.make().text
    return [*_other_environments(text), *_checksums(text), *_shapes(text), *_spellings(text), *_sizes(text)]


def _sealed(body: str) -> str:
    return body + checksum(body)


def _other_environments(text: str) -> Iterator[Forgery]:
    environment, rest = text.split("_", 1)
    for name in sorted(
        {*ENVIRONMENTS.values(), "wr", "wrtes", "wrtestt", "wrstaging", "Wrtest", "sk", ""} - {environment}
    ):
        yield f"of {name!r}", f"{name}_{rest}"
        yield f"of {name!r}, its checksum right", _sealed(f"{name}_{rest[:-6]}")


def _checksums(text: str) -> Iterator[Forgery]:
    for at in (7, 14, 16, 30, 41, 42, 47):
        yield f"character {at} changed", text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
    yield "two characters exchanged", text[:7] + text[8] + text[7] + text[9:] if text[7] != text[8] else f"{text}x"
    yield "another key's secret", f"{text[:16]}{ApiKeys('test').make().text[16:]}"
    yield "a checksum of zeros", f"{text[:-6]}000000"
    yield "the checksum of the secret alone", text[:-6] + checksum(text[16:-6])
    yield "the checksum in another case", f"{text[:-6]}{text[-6:].swapcase()}"


def _shapes(text: str) -> Iterator[Forgery]:
    environment, public_id, secret = text.split("_")
    yield from {
        "the beginning alone": environment,
        "no secret": f"{environment}_{public_id}",
        "an empty secret": f"{environment}_{public_id}_",
        "no public id": _sealed(f"{environment}_{secret[:-6]}"),
        "an empty public id": _sealed(f"{environment}__{secret[:-6]}"),
        "a public id of 7": _sealed(f"{environment}_{public_id[:-1]}_{secret[:-6]}"),
        "a public id of 9": _sealed(f"{environment}_{public_id}0_{secret[:-6]}"),
        "a secret of 31": _sealed(f"{environment}_{public_id}_{secret[:-7]}"),
        "a secret of 33": _sealed(f"{environment}_{public_id}_0{secret[:-6]}"),
        "a fourth part": f"{text}_{secret}",
        "the key twice": text + text,
        "parts exchanged": f"{environment}_{secret}_{public_id}",
        "hyphens": text.replace("_", "-"),
        "dots": text.replace("_", "."),
        "three segments": f"{text}.{text}.{text}",
        "in capitals": text.upper(),
        "its public id alone": f"wr{public_id}",
    }.items()
    for cut in (1, 6, 31):
        yield f"{cut} characters short", text[:-cut]


def _spellings(text: str) -> Iterator[Forgery]:
    for character in (
        "\0",
        "\t",
        "\n",
        " ",
        "\u00a0",
        "\u200b",
        "!",
        "=",
        '"',
        "%00",
        "\u00e9",
        "\U0001f511",
        "\udc80",
    ):
        yield f"{character!r} behind", text + character
        yield f"{character!r} inside", text[:20] + character + text[20:]
    yield "full-width digits", _widened(text)
    yield "arabic digits", f"{text[:16]}{chr(0x661) * 26}{text[-6:]}"
    yield "the scheme again", f"wr Bearer {text}"
    yield "a quote", f"{text[:7]}' OR '1'='1"


def _widened(text: str) -> str:
    return text[:16] + "".join(chr(ord(character) + 0xFEE0) for character in text[16:42]) + text[42:]


def _sizes(text: str) -> Iterator[Forgery]:
    for size in (1_000, 10_000, 1_000_000):
        yield f"{size:,} letters behind", text + "A" * size
        yield f"{size:,} underscores", text[:6] + "_" * size
