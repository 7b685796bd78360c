"""API keys: their form, which tells a key from what cannot be one without asking anybody."""

import re
import string
import zlib
from collections import Counter

import pytest

from app.core.api_keys import ALPHABET, SCANNED, ApiKeys, checksum
from app.core.errors import Unauthenticated
from tests.core.forged_keys import Forgery, forged_keys

KEYS = ApiKeys("test")
FORGERIES = forged_keys(KEYS)


@pytest.mark.parametrize(
    ("environment", "beginning"), [("production", "wrlive"), ("development", "wrdev"), ("test", "wrtest")]
)
def test_a_key_says_its_environment_and_is_found_by_a_scanner(environment: str, beginning: str) -> None:
    made = ApiKeys(environment).make()
    assert re.fullmatch(f"{beginning}_[0-9A-Za-z]{{8}}_[0-9A-Za-z]{{32}}", made.text)
    for around in (
        made.text,
        f"key={made.text}\n",
        f'{{"X-Api-Key": "{made.text}"}}',
        f"https://x/?key={made.text}&a=b",
    ):
        assert re.findall(SCANNED, around) == [made.text]


def test_a_key_is_read_as_it_was_made_and_its_secret_is_not_kept() -> None:
    made = KEYS.make()
    read = KEYS.read(made.text)
    assert (read.public_id, read.secret_hash) == (made.public_id, made.secret_hash)
    assert len(made.secret_hash) == 32
    assert made.text.split("_")[2] not in repr(read)
    assert read.name == f"api_key:{made.public_id}"


def test_the_checksum_is_the_crc_32_in_base_62() -> None:
    body = KEYS.make().text[:-6]
    number = 0
    for character in checksum(body):
        number = number * 62 + (string.digits + string.ascii_uppercase + string.ascii_lowercase).index(character)
    assert number == zlib.crc32(body.encode())
    assert checksum("") == "000000"


def test_keys_are_all_different_and_use_the_whole_alphabet() -> None:
    made = [KEYS.make() for _ in range(500)]
    assert len({key.public_id for key in made}) == len({key.secret_hash for key in made}) == 500
    counts = Counter("".join(key.text[16:42] for key in made))
    assert counts.keys() == set(ALPHABET)
    assert max(counts.values()) < 2 * min(counts.values())


@pytest.mark.parametrize("at", range(48))
def test_one_character_changed_anywhere_is_noticed(at: int) -> None:
    text = KEYS.make().text
    for character in "A0z":
        if character != text[at]:
            with pytest.raises(Unauthenticated):
                KEYS.read(text[:at] + character + text[at + 1 :])


def test_the_corpus_is_large_and_no_forgery_is_there_twice() -> None:
    assert len(FORGERIES) > 60
    assert len({name for name, _ in FORGERIES}) == len({text for _, text in FORGERIES}) == len(FORGERIES)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery[0])
def test_a_forgery_is_refused_like_a_bad_token(forgery: Forgery) -> None:
    with pytest.raises(Unauthenticated) as refused:
        KEYS.read(forgery[1])
    assert refused.value.detail == "The token is not valid."
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}
