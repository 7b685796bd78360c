"""One set of rules, asked of an object and of a table, gives one answer."""

from collections.abc import Collection, Iterator
from itertools import product
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, aliased, joinedload, selectinload, with_polymorphic

from app.core.acl import (
    Acl,
    All,
    Allow,
    Authenticated,
    Deny,
    Everyone,
    Inherit,
    explain,
    may,
    named_permissions,
    permissions_of,
)
from app.core.acl_sql import allowed, visible
from tests.core.shelves import A, B, Base, Book, Desk, Diary, Loan, Member, Person, Prefect, Pupil, School, Shelf


@pytest.fixture(scope="module")
def world(server: str) -> Iterator[Session]:
    """Every combination of the values that count, in temporary tables of one transaction."""
    engine = sa.create_engine(sa.make_url(server).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.connect() as connection, Session(connection) as session:
        Base.metadata.create_all(connection)
        session.add_all([School(id=1), School(id=2)])
        columns = ("school_id", "owner", "label", "is_open")
        combinations = product((None, A, B), (None, 1, 2), (None, "x", "y:z"), (None, False, True))
        owned = [dict(zip(columns, values, strict=True)) for values in combinations]
        shelves = [Shelf(**values) for values in owned]
        for number, values in enumerate(owned):
            for place, shelf in enumerate((None, *(shelves[(number * 11 + k * 17) % len(shelves)] for k in range(5)))):
                loans = [Loan(reader=reader) for reader in ((), (1,), (None, 2), (1, 2))[place % 4]]
                session.add(Book(**values, shelf=shelf, loans=loans))
        for kind, school_id, owner in product((Pupil, Prefect), (None, A, B), (None, 1, 2)):
            session.add(Diary(person=kind(school_id=school_id, owner=owner)))
        session.flush()
        for pupil, number, colour in ((Prefect(), shelves[0].id, "red"), (Pupil(), -1, "blue")):
            session.add_all([Desk(pupil=pupil, shelf_number=number, colour=colour), Diary(person=pupil)])
        session.add(Diary(person=Person()))
        session.flush()
        session.expunge_all()
        yield session


@pytest.fixture(scope="module")
def books(world: Session) -> list[Book]:
    return list(world.scalars(sa.select(Book).options(joinedload(Book.shelf), selectinload(Book.loans))))


@pytest.fixture(scope="module")
def loans(world: Session, books: list[Book]) -> list[Loan]:
    by_book = joinedload(Loan.book)
    loaded = by_book.joinedload(Book.shelf), by_book.selectinload(Book.loans)
    return list(world.scalars(sa.select(Loan).options(*loaded)))


@pytest.fixture(scope="module")
def diaries(world: Session) -> list[Diary]:
    people = with_polymorphic(Person, "*", flat=True)
    return list(world.scalars(sa.select(Diary).options(joinedload(Diary.person.of_type(people)))))


def ids_allowed(world: Session, model: Any, permission: str, principals: Collection[str]) -> set[int]:
    return set(world.scalars(sa.select(model.id).where(allowed(model, permission, principals))))


def assert_same_answers(
    world: Session, model: Any, objects: Collection[Any], permission: str, principals: Collection[str]
) -> None:
    """The list is what the check says, and so is its complement, and the explanation."""
    checked = {each.id for each in objects if may(each, permission, principals)}
    refused = allowed(model, permission, principals).is_not(sa.true())
    case = f"{list(model.__acl__)} asked for {permission} by {sorted(principals)}"
    assert ids_allowed(world, model, permission, principals) == checked, case
    assert set(world.scalars(sa.select(model.id).where(refused))) == {each.id for each in objects} - checked, case
    assert {each.id for each in objects if explain(each, permission, principals).allowed} == checked, case


# The golden example

EVERYTHING = {"create", "read", "update", "delete", "batch"}


@pytest.mark.parametrize(
    ("principals", "of_school_1", "of_school_2"),
    [
        pytest.param({"role:student", "school:1"}, {"read"}, set(), id="a student of school 1"),
        pytest.param({"role:educator", "school:1"}, {"read", "update"}, set(), id="another holder of school:1"),
        pytest.param({"school:2"}, set(), {"read", "update"}, id="a holder of school:2"),
        pytest.param({"role:lms"}, {"update", "batch"}, {"update", "batch"}, id="an LMS"),
        pytest.param({"role:admin"}, EVERYTHING, EVERYTHING, id="an admin"),
        pytest.param({"role:admin", "role:student"}, EVERYTHING, EVERYTHING, id="an admin who learns"),
        pytest.param(
            {"role:lms", "role:student"}, {"update", "batch"}, {"update", "batch"}, id="the Allow before the Deny"
        ),
        pytest.param({Everyone, Authenticated}, set(), set(), id="anybody"),
        pytest.param(set(), set(), set(), id="nobody"),
    ],
)
def test_golden_example_decides_so_for_an_object_and_for_a_list(
    world: Session, principals: set[str], of_school_1: set[str], of_school_2: set[str]
) -> None:
    one, two = world.scalars(sa.select(School).order_by(School.id))
    for permission in EVERYTHING:
        expected = {school.id for school, names in ((one, of_school_1), (two, of_school_2)) if permission in names}
        assert {school.id for school in (one, two) if may(school, permission, principals)} == expected
        assert ids_allowed(world, School, permission, principals) == expected
    assert permissions_of(one, principals) == of_school_1
    assert permissions_of(two, principals) == of_school_2
    assert {school.id for school in world.scalars(visible(School, principals))} == {
        school.id for school, names in ((one, of_school_1), (two, of_school_2)) if "read" in names
    }


# Object and list agree, whatever the rules, the rows and the principals


def is_closed(subject: Any) -> Any:
    """A condition as a function, of a book as of the class."""
    return subject.is_open == False  # noqa: E712


LITERALS = ["role:admin", "role:student", Everyone, Authenticated]
OWNED = ["school:{school_id}", "staff:{school_id}", "user:{owner}", "staff:{owner}", "label:{label}", "user:{keeper}"]
RELATED = ["user:{shelf.owner}", "label:{shelf.label}", "user:{loans.reader}", "school:{shelf.school_id}"]
OF_LOAN = ["user:{book.shelf.owner}", "user:{book.loans.reader}"]
PRINCIPALS = [
    *LITERALS,
    *(f"{kind}:{school}" for kind in ("school", "staff") for school in (A, B)),
    *(f"{kind}:{owner}" for kind in ("user", "staff") for owner in (1, 2)),
    *("label:x", "label:y:z"),
    *(f"school:{text}" for text in (str(A).upper(), A.hex, f"{{{A}}}", f"urn:uuid:{A}", "", "7", "None")),
    *(f"user:{text}" for text in ("01", " 1", "1_0", "+1", "١", "1.0", "None", "", "x", 2**31, 2**63, "9" * 5000)),
    *(f"label:{text}" for text in ("", "x ", "y:zz", "None", "y", "x\0", "\ud800")),
    *("role", "role:", ":", "", "user:{owner}", "school:{school_id}"),
]
permissions = st.sampled_from(["read", "update", "delete"])


def rules(patterns: list[str], conditions: list[Any], inherited: list[Inherit]) -> st.SearchStrategy[Acl]:
    granted = st.sampled_from([All, "read", "update", ("read", "update"), ("delete", "read")])
    action, pattern = st.sampled_from([Allow, Allow, Deny]), st.sampled_from(patterns)
    plain = st.tuples(action, pattern, granted)
    kinds: list[st.SearchStrategy[Any]] = [plain, plain]
    if conditions:
        kinds.append(st.tuples(action, pattern, granted, st.sampled_from(conditions)))
    if inherited:
        kinds.append(st.sampled_from(inherited))
    return st.lists(st.one_of(kinds), max_size=7).map(lambda drawn: Acl(*drawn))


CONDITIONS = ["is_open", "is_labelled", is_closed]
principal_sets = st.frozensets(st.sampled_from(PRINCIPALS), max_size=10)
bounded = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@bounded
@given(
    of_shelf=rules(LITERALS + OWNED, CONDITIONS, []),
    of_book=rules(LITERALS + OWNED + RELATED, CONDITIONS, [Inherit("shelf")]),
    permission=permissions,
    principals=principal_sets,
)
def test_object_and_list_agree_on_random_rules_rows_and_principals(
    world: Session, books: list[Book], of_shelf: Acl, of_book: Acl, permission: str, principals: frozenset[str]
) -> None:
    Shelf.__acl__, Book.__acl__ = of_shelf, of_book
    assert_same_answers(world, Book, books, permission, principals)


@settings(bounded, max_examples=100)
@given(
    of_shelf=rules(LITERALS + OWNED, [], []),
    of_book=rules(LITERALS + OWNED, [], [Inherit("shelf")]),
    of_loan=rules([*LITERALS, "user:{reader}", *OF_LOAN], [], [Inherit("book")]),
    permission=permissions,
    principals=principal_sets,
)
def test_object_and_list_agree_when_a_parent_inherits_too(
    world: Session,
    loans: list[Loan],
    of_shelf: Acl,
    of_book: Acl,
    of_loan: Acl,
    permission: str,
    principals: frozenset[str],
) -> None:
    Shelf.__acl__, Book.__acl__, Loan.__acl__ = of_shelf, of_book, of_loan
    assert_same_answers(world, Loan, loans, permission, principals)


@settings(bounded, max_examples=200)
@given(
    of_person=rules([*LITERALS, "user:{id}"], [], []),
    of_member=rules([*LITERALS, "user:{id}", "school:{school_id}"], [], []),
    of_pupil=rules([*LITERALS, "user:{id}", "school:{school_id}", "user:{owner}"], [], []),
    of_diary=rules(LITERALS, [], [Inherit("person")]),
    own_rules=st.booleans(),
    permission=permissions,
    principals=principal_sets,
)
def test_object_and_list_agree_when_subclasses_have_rules_of_their_own(
    world: Session,
    diaries: list[Diary],
    of_person: Acl,
    of_member: Acl,
    of_pupil: Acl,
    of_diary: Acl,
    own_rules: bool,
    permission: str,
    principals: frozenset[str],
) -> None:
    Person.__acl__, Member.__acl__, Diary.__acl__ = of_person, of_member, of_diary
    Pupil.__acl__ = of_pupil if own_rules else of_person
    people = [diary.person for diary in diaries]
    assert_same_answers(world, Person, people, permission, principals)
    assert_same_answers(world, Pupil, [each for each in people if isinstance(each, Pupil)], permission, principals)
    assert_same_answers(world, Diary, diaries, permission, principals)


# One rule at a time


def the_acl(monkeypatch: pytest.MonkeyPatch, model: type[Any], *rules: Any) -> None:
    monkeypatch.setattr(model, "__acl__", Acl(*rules))


def test_a_null_owner_matches_nobody_not_even_a_deny(
    world: Session, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    the_acl(monkeypatch, Book, (Deny, "user:{owner}", "read"), (Allow, Everyone, "read"))
    readable = {book.id for book in books if book.owner != 1}
    assert ids_allowed(world, Book, "read", {Everyone, "user:1"}) == readable
    assert {book.id for book in books if may(book, "read", {Everyone, "user:1"})} == readable
    assert any(book.owner is None for book in books)


def test_a_null_condition_is_no(world: Session, books: list[Book], monkeypatch: pytest.MonkeyPatch) -> None:
    the_acl(monkeypatch, Book, (Deny, Everyone, "read", "is_open"), (Allow, Everyone, "read"))
    readable = {book.id for book in books if book.is_open is not True}
    assert ids_allowed(world, Book, "read", {Everyone}) == readable
    assert {book.id for book in books if may(book, "read", {Everyone})} == readable


def test_who_may_everything_gets_no_clause_and_who_may_nothing_gets_false(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (Allow, "role:admin", All), (Deny, "user:{owner}", All), (Allow, "school:{school_id}", "read")
    the_acl(monkeypatch, Shelf, *rules)
    the_acl(monkeypatch, Book, *rules)
    the_acl(monkeypatch, Loan, Inherit("book"))
    for model in (Shelf, Book, Loan):
        assert isinstance(allowed(model, "read", {"role:admin", "user:1", f"school:{A}"}), sa.True_)
        assert "WHERE" not in str(visible(model, {"role:admin"}))
        for principals in (set(), {Everyone, "role:student"}, {"user:1"}, {"school:nonsense"}):
            assert isinstance(allowed(model, "read", principals), sa.False_)
        assert isinstance(allowed(model, "update", {f"school:{A}"}), sa.False_)


def test_an_admin_has_no_say_over_a_row_without_the_parent_it_inherits_from(
    world: Session, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    the_acl(monkeypatch, Shelf, (Allow, "role:admin", All))
    the_acl(monkeypatch, Book, Inherit("shelf"))
    on_a_shelf = {book.id for book in books if book.shelf is not None}
    assert ids_allowed(world, Book, "read", {"role:admin"}) == on_a_shelf
    assert {book.id for book in books if may(book, "read", {"role:admin"})} == on_a_shelf


def test_who_may_everything_is_still_asked_where_no_foreign_key_promises_a_parent(
    world: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = Allow, "role:admin", All
    the_acl(monkeypatch, Shelf, everything)
    the_acl(monkeypatch, Desk, Inherit("shelf"))
    desks = world.scalars(sa.select(Desk).options(joinedload(Desk.shelf))).all()
    assert {desk.colour for desk in desks if may(desk, "read", {"role:admin"})} == {"red"}
    assert_same_answers(world, Desk, desks, "read", {"role:admin"})

    the_acl(monkeypatch, Book, everything)
    the_acl(monkeypatch, Loan, Inherit("open_book"))
    loans = world.scalars(sa.select(Loan).options(joinedload(Loan.open_book))).all()
    assert 0 < sum(may(loan, "read", {"role:admin"}) for loan in loans) < len(loans)
    assert_same_answers(world, Loan, loans, "read", {"role:admin"})

    the_acl(monkeypatch, Desk, everything)
    the_acl(monkeypatch, Pupil, Inherit("desk"))
    pupils = world.scalars(sa.select(Pupil).options(joinedload(Pupil.desk))).all()
    assert sum(may(pupil, "read", {"role:admin"}) for pupil in pupils) == 2 < len(pupils)
    assert_same_answers(world, Pupil, pupils, "read", {"role:admin"})


def test_malformed_principals_match_what_they_match_in_python(
    world: Session, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    the_acl(monkeypatch, Book, *((Allow, pattern, "read") for pattern in OWNED))
    for principal in PRINCIPALS:
        assert_same_answers(world, Book, books, "read", {principal})


def test_the_statement_text_is_the_same_for_one_school_and_for_thousands(monkeypatch: pytest.MonkeyPatch) -> None:
    the_acl(monkeypatch, Shelf, (Allow, "lms:{school_id}", "read"), (Allow, "school:{school_id}", "read"))
    one = visible(Shelf, {f"lms:{A}"})
    many = visible(Shelf, {f"lms:{UUID(int=number)}" for number in range(3000)} | {f"school:{B}"})
    assert str(one) == str(many)
    assert str(many).count("ANY") == 1


@pytest.mark.parametrize(
    ("principals", "scan"),
    [
        ({f"school:{A}", f"staff:{B}"}, "Index Cond: (school_id = ANY"),
        ({f"school:{A}", "user:1"}, "BitmapOr"),
        ({"user:1"}, "Index Cond: (owner = ANY"),
    ],
)
def test_a_list_of_allows_uses_the_indexes(
    world: Session, monkeypatch: pytest.MonkeyPatch, principals: set[str], scan: str
) -> None:
    the_acl(
        monkeypatch,
        Shelf,
        *((Allow, "role:admin", All), (Allow, "school:{school_id}", "read"), (Allow, "staff:{school_id}", All)),
        (Allow, "user:{owner}", "read"),
    )
    connection = world.connection()
    query = sa.select(Shelf.id).where(allowed(Shelf, "read", principals)).compile(connection)
    connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
    plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {query}", query.params).scalars())
    connection.execute(sa.text("SET LOCAL enable_seqscan = on"))
    assert scan in plan
    assert "Seq Scan" not in plan


def test_an_alias_is_asked_about_its_own_columns(
    world: Session, books: list[Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    the_acl(monkeypatch, Shelf, (Allow, "user:{owner}", "read"))
    the_acl(monkeypatch, Book, (Deny, Everyone, "read", "is_open"), Inherit("shelf"), (Allow, "user:{owner}", "read"))
    other = aliased(Book)
    statement = sa.select(Book.id, other.id).join(other, other.id == Book.id + 1)
    found = world.execute(statement.where(allowed(other, "read", {"user:1", Everyone})))
    assert {tuple(row) for row in found} == {
        (book.id - 1, book.id) for book in books if may(book, "read", {"user:1", Everyone}) and book.id > books[0].id
    }


def test_a_query_of_a_subclass_may_ask_what_the_base_class_is_asked(
    world: Session, diaries: list[Diary], monkeypatch: pytest.MonkeyPatch
) -> None:
    the_acl(monkeypatch, Person, (Allow, "user:{id}", "read"))
    the_acl(monkeypatch, Pupil, (Allow, "school:{school_id}", "read"))
    found = world.scalars(sa.select(Prefect.id).where(allowed(Person, "read", {f"school:{A}"})))
    prefects = [diary.person for diary in diaries if isinstance(diary.person, Prefect)]
    assert set(found) == {prefect.id for prefect in prefects if prefect.school_id == A}


def test_what_a_subclass_refuses_stays_refused_where_its_rules_are_inherited(
    world: Session, diaries: list[Diary], monkeypatch: pytest.MonkeyPatch
) -> None:
    the_acl(monkeypatch, Pupil, (Deny, "school:{school_id}", "read"))
    the_acl(monkeypatch, Person)
    the_acl(monkeypatch, Diary, Inherit("person"), (Allow, Everyone, "read"))
    refused = {each.id for each in diaries if isinstance(each.person, Pupil) and each.person.school_id == A}
    assert ids_allowed(world, Diary, "read", {Everyone, f"school:{A}"}) == {each.id for each in diaries} - refused
    assert_same_answers(world, Diary, diaries, "read", {Everyone, f"school:{A}"})
    assert refused


def test_the_list_of_an_object_is_plain_and_leaves_out_what_cannot_match(monkeypatch: pytest.MonkeyPatch) -> None:
    the_acl(
        monkeypatch,
        Book,
        (Allow, "school:{school_id}", ("read", "update")),
        (Deny, "user:{owner}", All),
        (Allow, Everyone, "read", "is_open"),
        (Allow, "user:{loans.reader}", "renew"),
    )
    book = Book(school_id=A, loans=[Loan(reader=3), Loan(), Loan(reader=4)])
    assert book.__acl__ == [
        (Allow, f"school:{A}", ("read", "update")),
        (Allow, "user:3", "renew"),
        (Allow, "user:4", "renew"),
    ]


def test_an_object_about_to_be_born_is_asked_by_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    the_acl(monkeypatch, Shelf, (Allow, "school:{school_id}", "create"), (Allow, "user:{owner}", "create"))
    the_acl(monkeypatch, Book, Inherit("shelf"))
    assert may(Shelf(school_id=A), "create", {f"school:{A}"})
    assert not may(Shelf(school_id=B), "create", {f"school:{A}"})
    assert not may(Shelf(), "create", {f"school:{A}", "user:None", "user:", "school:None"})
    assert may(Book(shelf=Shelf(owner=1)), "create", {"user:1"})
    assert not may(Book(shelf=None), "create", {"user:1"})


@pytest.mark.parametrize("rule", [Inherit("shelf"), (Allow, "user:{shelf.owner}", "read")])
def test_a_parent_that_is_not_loaded_is_an_error_not_a_no(
    world: Session, books: list[Book], monkeypatch: pytest.MonkeyPatch, rule: Any
) -> None:
    the_acl(monkeypatch, Book, rule)
    with Session(world.connection()) as other, pytest.raises(InvalidRequestError, match=r"Book\.shelf is not loaded"):
        may(other.get_one(Book, books[-1].id), "read", {"user:1"})
    with pytest.raises(InvalidRequestError, match=r"Book\.shelf is not loaded"):
        may(Book(shelf_id=1), "create", {"user:1"})


def test_inheriting_from_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    the_acl(monkeypatch, Book, Inherit("loans"))
    with pytest.raises(TypeError, match="leads to many"):
        allowed(Book, "read", {Everyone})


@pytest.mark.parametrize(("model", "principal"), [(Book, "user:{is_open}"), (Desk, "user:{colour}")])
def test_principals_are_compared_only_with_what_identifies(
    monkeypatch: pytest.MonkeyPatch, model: type[Any], principal: str
) -> None:
    the_acl(monkeypatch, model, (Allow, principal, "read"))
    with pytest.raises(TypeError, match="UUIDs, integers or text"):
        allowed(model, "read", {"user:red"})


@pytest.mark.parametrize(
    "rule",
    [
        ("allow", "role:admin", "read"),
        (Allow, "admin", "read"),
        (Allow, "school:", "read"),
        (Allow, "school:{}", "read"),
        (Allow, "school:{school_id", "read"),
        (Allow, "{kind}:{id}", "read"),
        (Allow, "school:{a}-{b}", "read"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_where_it_is_written(rule: Any) -> None:
    with pytest.raises(ValueError, match="is no rule"):
        Acl(rule)


def test_the_permissions_of_a_class_are_those_its_rules_name(monkeypatch: pytest.MonkeyPatch) -> None:
    the_acl(monkeypatch, Shelf, (Allow, "role:admin", All), (Allow, "user:{owner}", ("read", "update")))
    the_acl(monkeypatch, Book, (Allow, Everyone, "borrow"), Inherit("shelf"))
    assert named_permissions(Book) == {"borrow", "read", "update"}
    assert permissions_of(Book(shelf=Shelf()), {"role:admin"}) == {"borrow", "create", "read", "update", "delete"}
    assert permissions_of(Book(shelf=Shelf(owner=1)), {"user:1"}) == {"read", "update"}
    assert permissions_of(Book(shelf=Shelf(owner=1)), {"user:1", Everyone}) == {"borrow", "read", "update"}


def test_an_explanation_names_the_deciding_entry_and_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    the_acl(monkeypatch, Shelf, (Allow, "role:admin", All), (Allow, Everyone, "list"), (Deny, "user:{owner}", "read"))
    told = explain(Shelf(owner=1), "read", {"user:1", Everyone})
    assert (told.allowed, told.decided_by) == (False, (Deny, "user:1", "read"))
    assert told.rule == (Deny, "user:{owner}", "read")
    assert told.passed_over == ((Allow, "role:admin", All),)
    nobodys = explain(Shelf(), "read", {"user:1"})
    assert (nobodys.allowed, nobodys.rule, nobodys.decided_by) == (False, None, None)
    assert nobodys.passed_over == ((Allow, "role:admin", All), (Deny, "user:{owner}", "read"))


def test_rules_are_read_from_the_class_and_composed() -> None:
    assert list(School.__acl__)[2] == (Deny, "role:student", ("update", "delete"))
    extended = Acl(*School.__acl__, Inherit("shelf"))
    assert list(extended) == [*School.__acl__, Inherit("shelf")]


def test_a_rule_that_names_what_is_missing_fails_aloud() -> None:
    class Misspelt:
        __acl__ = Acl((Allow, "user:{ownr_id}", "read"))

    with pytest.raises(TypeError, match="ownr_id"):
        may(Misspelt(), "read", {"user:1"})
