"""Sealed values open where they were sealed and nowhere else; marks find them again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.core.sealing import ID_BYTES, NONCE_BYTES, TAG_BYTES, Unsealable, Vault

OLD, NEW, FOREIGN = (SecretStr(letter * 40) for letter in "abc")
PLACE = "class_groups.join_code_sealed:1"


@given(st.binary(max_size=200), st.text(max_size=50))
def test_what_was_sealed_opens_at_its_place(value: bytes, place: str) -> None:
    vault = Vault([NEW])
    sealed = vault.seal(value, place)
    assert vault.open(sealed, place) == value
    assert len(sealed) == ID_BYTES + NONCE_BYTES + len(value) + TAG_BYTES


def test_equal_values_do_not_look_equal() -> None:
    vault = Vault([NEW])
    assert len({vault.seal(b"7KQ2VX", PLACE) for _ in range(100)}) == 100


def test_a_value_moved_to_another_place_does_not_open() -> None:
    vault = Vault([NEW])
    sealed = vault.seal(b"7KQ2VX", PLACE)
    for place in ("class_groups.join_code_sealed:2", "users.email:1", ""):
        with pytest.raises(Unsealable):
            vault.open(sealed, place)


def test_a_value_of_which_any_bit_was_changed_does_not_open() -> None:
    vault = Vault([NEW])
    sealed = vault.seal(b"7KQ2VX", PLACE)
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unsealable):
            vault.open(bytes(changed), PLACE)


@pytest.mark.parametrize("length", [0, 1, ID_BYTES, ID_BYTES + NONCE_BYTES, ID_BYTES + NONCE_BYTES + TAG_BYTES - 1])
def test_a_value_that_is_cut_short_does_not_open(length: int) -> None:
    vault = Vault([NEW])
    with pytest.raises(Unsealable):
        vault.open(vault.seal(b"", PLACE)[:length], PLACE)


def test_a_key_is_rotated_without_losing_anything() -> None:
    before, meanwhile, after = Vault([OLD]), Vault([NEW, OLD]), Vault([NEW])
    sealed, mark = before.seal(b"7KQ2VX", PLACE), before.marks("7KQ2VX", "codes")[0]
    assert meanwhile.open(sealed, PLACE) == b"7KQ2VX"
    assert mark in meanwhile.marks("7KQ2VX", "codes")[1:]
    renewed = meanwhile.seal(b"7KQ2VX", PLACE)
    assert after.open(renewed, PLACE) == b"7KQ2VX"
    assert meanwhile.marks("7KQ2VX", "codes")[0] == after.marks("7KQ2VX", "codes")[0]
    with pytest.raises(Unsealable):
        after.open(sealed, PLACE)


def test_a_mark_is_of_one_value_one_purpose_and_one_key() -> None:
    marks = [
        *Vault([NEW, OLD]).marks("7KQ2VX", "codes"),
        *Vault([NEW]).marks("7KQ2VX", "other"),
        *Vault([NEW]).marks("7KQ2VY", "codes"),
        *Vault([FOREIGN]).marks("7KQ2VX", "codes"),
    ]
    assert len(set(marks)) == 5
    assert {len(mark) for mark in marks} == {32}
