"""User names that we choose: typeable by a child, unguessable from its name, unused in its school."""

import re
import secrets

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Busy
from app.people import usernames
from app.people.usernames import ADJECTIVES, NOUNS, PROPOSALS, proposal, unused_username, unused_usernames
from tests.world import World

UNFIT = re.compile(
    r"ass|bastard|bitch|blood|bomb|boob|booty|butt$|cock$|coon$|crap|cum|damn|dead|death|devil|dick|drug|drunk|dumb|fag|"
    r"fart|fat$|fuck|gay|ghost|gun$|hate|hell$|hoe|homo|horny|hot$|kill|naked|nazi|nude|piss|poison|poo|porn|pussy|rape|"
    r"sex|shag|shit|sick|slave|slut|stupid|tit$|tits|ugly|vampire|wank|war$|weapon|weird|wet$|whore|wicked"
)
INNOCENT = {"cassowary", "classic", "grass", "grassy", "raccoon"}


@pytest.mark.parametrize("words", [ADJECTIVES, NOUNS])
def test_words_are_many_short_plain_and_clean(words: tuple[str, ...]) -> None:
    assert len(set(words)) == len(words) >= 300
    for word in words:
        assert re.fullmatch("[a-z]{3,9}", word), word
        assert word in INNOCENT or not UNFIT.search(word), word


def test_a_proposal_is_two_words_and_a_number() -> None:
    for _ in range(1_000):
        adjective, noun, number = proposal().split("-")
        assert adjective in ADJECTIVES
        assert noun in NOUNS
        assert 10 <= int(number) <= 99


async def test_names_for_a_whole_school_differ_and_cost_one_statement(world: World, session: AsyncSession) -> None:
    school = (await world.school()).wriveted_identifier
    chosen: list[str] = []

    async def choose() -> None:
        chosen.extend(await unused_usernames(session, [school] * 500))

    assert await world.count_statements(choose()) == 1
    assert len(set(chosen)) == 500


async def test_a_name_that_a_pupil_has_in_any_case_is_passed_over(
    world: World, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = await world.school()
    await world.student(await world.class_group(school), username="Brave-OTTER-47")
    proposals = iter(["brave-otter-47"] * (PROPOSALS - 1) + ["calm-heron-12"])
    monkeypatch.setattr(usernames, "proposal", lambda: next(proposals))
    assert await unused_username(session, school.wriveted_identifier) == "calm-heron-12"


async def test_a_name_of_another_school_is_no_obstacle(
    world: World, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.student(await world.class_group(await world.school()), username="brave-otter-47")
    monkeypatch.setattr(usernames, "proposal", lambda: "brave-otter-47")
    assert await unused_username(session, (await world.school()).wriveted_identifier) == "brave-otter-47"


async def test_when_every_proposal_is_taken_the_caller_is_asked_to_try_again(
    world: World, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = await world.school()
    await world.student(await world.class_group(school), username="brave-otter-47")
    monkeypatch.setattr(usernames, "proposal", lambda: "brave-otter-47")
    with pytest.raises(Busy):
        await unused_username(session, school.wriveted_identifier)


def test_chance_is_that_of_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "choice", lambda words: words[0])
    monkeypatch.setattr(secrets, "randbelow", lambda bound: 0)
    assert proposal() == f"{ADJECTIVES[0]}-{NOUNS[0]}-10"
