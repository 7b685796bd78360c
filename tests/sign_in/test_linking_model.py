"""Whatever is done in whatever order, nobody comes to somebody else's account: a model of people, the identities that
they hold at the provider, and the addresses that these have, against the real doors."""

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from app.accounts.models import PublicReader, User
from tests.sign_in.conftest import Door
from tests.sign_in.fake_google import Google
from tests.world import World

Step = tuple[str, int, int, bool, bool]
SUBJECTS, EMAILS = range(4), range(3)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("exchange"),
            st.sampled_from(SUBJECTS),
            st.sampled_from(EMAILS),
            st.booleans(),
            st.booleans(),
        ),
        st.tuples(st.just("change"), st.sampled_from(SUBJECTS), st.sampled_from(EMAILS), st.booleans(), st.booleans()),
        st.tuples(st.just("deactivate"), st.sampled_from(SUBJECTS), st.just(0), st.just(True), st.just(True)),
    ),
    min_size=2,
    max_size=8,
)


@dataclass
class Model:
    """What ought to be so: whose account an identity leads to, and which account has an address."""

    account_of: dict[int, str] = field(default_factory=dict)
    email_of: dict[str, int] = field(default_factory=dict)
    inactive: set[str] = field(default_factory=set)

    def owner(self, email: int) -> str | None:
        return next((account for account, has in self.email_of.items() if has == email), None)

    def exchange(self, subject: int, email: int, *, verified: bool, create: bool) -> str | None:
        """The account that is signed in; "new" for one that is made; None for nobody."""
        account = self.account_of.get(subject)
        if not verified or account in self.inactive:
            return None
        if account is not None:
            return account
        owner = self.owner(email)
        if owner is None:
            return "new" if create else None
        return None if owner in self.inactive or owner in self.account_of.values() else owner

    def change(self, holder: int, subject: int, email: int, *, verified: bool) -> bool:
        """Whether the account of ``holder`` gets the address, by a proof of ``subject``."""
        account = self.account_of[holder]
        if account in self.inactive or not verified or self.account_of.get(subject) != account:
            return False
        return self.owner(email) in (None, account)


async def walk(door: Door, google: Google, world: World, steps: list[Step]) -> None:
    """Do the steps, and hold what each answers to the model."""
    run, model, tokens = uuid4().hex, Model(), dict[int, str]()
    someone = await world.person(PublicReader(name="Already there"), email=f"0-{run}@example.com")
    model.email_of[str(someone.id)] = 0
    for kind, subject, email, flag, other in steps:
        identity, address = f"{subject}{run[:20]}", f"{email}-{run}@EXAMPLE.com"
        if kind == "exchange":
            expected = model.exchange(subject, email, verified=flag, create=other)
            answer = await door.begin(google.token(identity, email=address, email_verified=flag), create=other)
            assert (answer.status_code == 200) is (expected is not None), (kind, subject, email, answer.text)
            if expected is not None:
                tokens[subject] = answer.json()["access_token"]
                account = str(world.tokens.read(tokens[subject]).id)
                assert account == expected or (expected == "new" and account not in model.email_of)
                model.account_of[subject] = account
                model.email_of.setdefault(account, email)
        elif kind == "change" and model.account_of:
            holder = subject if subject in model.account_of else next(iter(model.account_of))
            proving = holder if other else subject
            granted = model.change(holder, proving, email, verified=flag)
            proof = google.token(f"{proving}{run[:20]}", email=address, email_verified=flag)
            answer = await door.ask("POST", "/auth/email", tokens[holder], json={"id_token": proof})
            assert (answer.status_code == 200) is granted, (kind, holder, proving, email, answer.text)
            if granted:
                model.email_of[model.account_of[holder]] = email
        elif kind == "deactivate" and subject in model.account_of:
            account = model.account_of[subject]
            model.inactive.add(account)
            async with world.session() as session:
                await session.execute(update(User).where(User.id == account).values(is_active=False))


async def test_no_sequence_of_exchanges_and_changes_leads_to_somebody_elses_account(
    door: Door, google: Google, world: World
) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=60, deadline=None)
    @given(steps=STEPS)
    def check(steps: list[Step]) -> None:
        asyncio.run_coroutine_threadsafe(walk(door, google, world, steps), loop).result(timeout=60)

    await asyncio.to_thread(check)
