"""Shows that everyone has an account and sees what they may, and nothing else.

From any database, over HTTP only: an admin makes a school and binds its school admin, who makes an educator and two
classes; 30 pupils register with a class's code and sign in; a parent and a supporter are linked to one of them; an API
key of the library system fills the collection. Another school has people too. Then everybody asks for everything, one
by one and in lists, and what they see is compared with the tables below, which are written from the specification of
access and not from the code. At last a pupil is deactivated and another signs out everywhere.

People who sign in at Firebase (staff, parents, supporters, readers) have tokens that the admin mints, because there is
no Firebase here; pupils really sign in. Each run makes schools of its own. It ends with 1, and says why, if anything
does not add up.

    .venv/bin/python -m scripts.show_people --api http://127.0.0.1:8000 --admin-token …
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import httpx

from scripts.show import Refused, Row, ask

TIMEOUT = 60.0  # seconds for an answer
PUPILS_OF_A_CLASS = 15
BOOKS = 20
TIMELINE = "Reader timeline event: finished a book"

OURS = ("school admin", "educator", "pupil", "classmate", "pupil of 3B")
THEIRS = ("their admin", "their educator", "their pupil")
OF_NO_SCHOOL = ("parent", "supporter", "reader")
PEOPLE = (*OURS, *THEIRS, *OF_NO_SCHOOL)
STAFF = ("school admin", "educator")
PUPILS = ("pupil", "classmate", "pupil of 3B")
WHO = ("admin", *PEOPLE, "library system")

# How somebody is seen: in whole and with the e-mail address, in whole without it, or by a name alone.
ADDRESS, WHOLE, NAME, FIRST_NAME, REFUSED = "with address", "in whole", "name", "first name", "refused"
# How a class is seen: by its staff, by those who are in it, by others of the school.
CODE_AND_USERNAMES, CODE_AND_NAMES, SIZE = "code, user names", "code, first names", "size"
# How a school is seen in a list: enough to recognise it, state and collection, or its admins too.
RECOGNISED, OPEN, WITH_STAFF = "recognised", "in whole", "with its admins"


def seen_people() -> dict[str, dict[str, str]]:
    """Who sees whom, and how."""
    own = {who: {who: WHOLE if "pupil" in who or who == "classmate" else ADDRESS} for who in PEOPLE}
    return {
        "admin": {each: view for views in own.values() for each, view in views.items()},
        **own,
        "school admin": {**dict.fromkeys(STAFF, ADDRESS), **dict.fromkeys(PUPILS, WHOLE)},
        "educator": {"school admin": WHOLE, "educator": ADDRESS, **dict.fromkeys(PUPILS, WHOLE)},
        "their admin": {"their admin": ADDRESS, "their educator": ADDRESS, "their pupil": WHOLE},
        "their educator": {"their admin": WHOLE, "their educator": ADDRESS, "their pupil": WHOLE},
        "pupil": {"pupil": WHOLE, "parent": NAME},
        "parent": {"parent": ADDRESS, "pupil": WHOLE},
        "supporter": {"supporter": ADDRESS, "pupil": FIRST_NAME},
        "library system": {},
    }


SEEN_CLASSES: Mapping[str, Mapping[str, str]] = {
    "admin": dict.fromkeys(("3A", "3B", "theirs"), CODE_AND_USERNAMES),
    **{who: dict.fromkeys(("3A", "3B"), CODE_AND_USERNAMES) for who in STAFF},
    **{who: {"3A": CODE_AND_NAMES, "3B": SIZE} for who in ("pupil", "classmate")},
    "pupil of 3B": {"3A": SIZE, "3B": CODE_AND_NAMES},
    **{who: {"theirs": CODE_AND_USERNAMES} for who in ("their admin", "their educator")},
    "their pupil": {"theirs": CODE_AND_NAMES},
}
SEEN_SCHOOLS: Mapping[str, Mapping[str, str]] = {
    "admin": dict.fromkeys(("ours", "theirs"), WITH_STAFF),
    "school admin": {"ours": WITH_STAFF},
    **{who: {"ours": OPEN} for who in ("educator", *PUPILS, "library system")},
    "their admin": {"theirs": WITH_STAFF},
    **{who: {"theirs": OPEN} for who in ("their educator", "their pupil")},
}
SEES_COLLECTION = frozenset({"admin", *OURS, "library system"})
SEES_LIBRARY_SYSTEM = frozenset({"admin", "school admin"})
CHILDREN: Mapping[str, str] = {"parent": "pupil"}
SUPPORTED: Mapping[str, str] = {"supporter": "pupil"}
SCHOOL_OF_STAFF: Mapping[str, str] = {
    **dict.fromkeys(STAFF, "ours"),
    **dict.fromkeys(("their admin", "their educator"), "theirs"),
}


@dataclass(frozen=True)
class Shown:
    """What one asked for, what should have come of it, and what came."""

    who: str
    asked: str
    expected: str
    seen: str
    faults: Sequence[str] = ()

    @classmethod
    def of(cls, who: str, asked: str, expected: Mapping[str, str], seen: Mapping[str, str]) -> "Shown":
        """Compare name by name."""
        faults = [
            f"{each}: {seen.get(each, REFUSED)} where {expected.get(each, REFUSED)} was expected"
            for each in dict.fromkeys((*expected, *seen))
            if expected.get(each, REFUSED) != seen.get(each, REFUSED)
        ]
        return cls(who, asked, told(expected), told(seen), faults)


@dataclass
class Cast:
    """Everybody and everything that is asked for, by the names of this page."""

    http: httpx.Client
    tokens: dict[str, str]
    run: str = field(default_factory=lambda: token_hex(4))
    people: dict[str, str] = field(default_factory=dict)
    usernames: dict[str, str] = field(default_factory=dict)
    """Of all pupils, by their ids."""
    classes: dict[str, Row] = field(default_factory=dict)
    schools: dict[str, str] = field(default_factory=dict)
    collection: str = ""
    library_system: str = ""

    def ask(self, who: str, method: str, path: str, **options: Any) -> httpx.Response:
        return ask(self.http, method, path, self.tokens[who], **options)

    def make(self, who: str, path: str, body: Row) -> Row:
        return dict(self.ask(who, "POST", path, json=body).json())

    def all_of(self, who: str, path: str, **query: Any) -> Iterator[Row]:
        """A list's rows, page after page."""
        page = self.ask(who, "GET", path, params={"limit": 50, **query})
        while True:
            rows = page.json()
            yield from rows["data"] if isinstance(rows, dict) else rows
            if "next" not in page.links:
                return
            page = self.ask(who, "GET", str(page.url.join(page.links["next"]["url"])))


def told(views: Mapping[str, str]) -> str:
    """Views for people: the same ones together."""
    together: dict[str, list[str]] = {}
    for each, view in sorted(views.items()):
        together.setdefault(view, []).append(each)
    return "; ".join(f"{view}: {', '.join(each)}" for view, each in sorted(together.items())) or "nothing"


def show(api: str, admin_token: str) -> list[Shown]:
    """Make everybody and ask for everything. Raises `Refused`."""
    with httpx.Client(base_url=f"{api.rstrip('/')}/v1", timeout=TIMEOUT) as http:
        cast = Cast(http, {"admin": admin_token})
        settle(cast)
        shown = [shelf_of(cast)]
        for who in WHO:
            shown += [*people_of(cast, who), *classes_of(cast, who), *schools_of(cast, who), *programs_of(cast, who)]
        return [*shown, *events_of(cast), deactivated(cast), signed_out_everywhere(cast), who_never_was(cast)]


def settle(cast: Cast) -> None:
    """Both schools, everybody in them, and those of no school."""
    for school, admin, educator in (("ours", "school admin", "educator"), ("theirs", *THEIRS[:2])):
        found(cast, school, admin)
        name = person(cast, admin, educator, {"type": "educator", "school_id": cast.schools[school]})
        mint(cast, educator, name)
    for name, maker in (("3A", "school admin"), ("3B", "school admin"), ("theirs", "their admin")):
        school = "theirs" if name == "theirs" else "ours"
        cast.classes[name] = cast.make(maker, f"/school/{cast.schools[school]}/class", {"name": f"Class {name}"})
    pupils_of(cast, "3A", ["pupil", "classmate"], PUPILS_OF_A_CLASS)
    pupils_of(cast, "3B", ["pupil of 3B", "leaver", "sleeper"], PUPILS_OF_A_CLASS)
    pupils_of(cast, "theirs", ["their pupil"], 1)
    for who, kind in (("parent", "parent"), ("supporter", "supporter"), ("reader", "public")):
        mint(cast, who, person(cast, "admin", who, {"type": kind}))
    child = cast.people["pupil"]
    cast.ask("admin", "PATCH", f"/user/{child}", json={"parent_id": cast.people["parent"]})
    link = f"/user/{child}/supporter/{cast.people['supporter']}"
    cast.ask("school admin", "PUT", link, json={"supporter_nickname": "Nana"})
    sign_in(cast, "pupil", "3A")
    cast.make("pupil", "/events", {"title": TIMELINE, "level": "normal", "user_id": child})


def found(cast: Cast, school: str, admin: str) -> None:
    """A school that is active, and an account made its admin."""
    made = cast.make(
        "admin",
        "/school",
        {
            "name": f"Show school {school} {cast.run}",
            "country_code": "AUS",
            "official_identifier": f"show-{cast.run}-{school}",
            "info": {"location": {"suburb": "Annandale", "state": "NSW", "postcode": "2038"}},
        },
    )
    cast.schools[school] = made["wriveted_identifier"]
    path = f"/school/{cast.schools[school]}"
    cast.ask("admin", "PATCH", path, json={"status": "active"})
    bound = person(cast, "admin", admin, {"type": "public"})
    cast.ask("admin", "PATCH", f"{path}/admin", json={"user_id": bound})
    mint(cast, admin, bound)


def person(cast: Cast, maker: str, who: str, body: Row) -> str:
    email = f"{who.replace(' ', '.')}.{cast.run}@show.example"
    return str(cast.make(maker, "/user", {"name": f"Show {who}", "email": email, **body})["id"])


def mint(cast: Cast, who: str, user_id: str) -> None:
    cast.people[who] = user_id
    cast.tokens[who] = cast.make("admin", f"/user/{user_id}/auth-token", {"reason": "Show"})["access_token"]


def pupils_of(cast: Cast, name: str, named: Sequence[str], number: int) -> None:
    """So many pupils register with the code of the class, and sign in; the first of them are known by name."""
    group = cast.classes[name]
    for index in range(number):
        who = named[index] if index < len(named) else f"pupil {index + 1} of {name}"
        given = {"first_name": f"Kim{index}", "last_name_initial": "K", "class_joining_code": group["join_code"]}
        answer = cast.http.post("/auth/register-student", json={**given, "school_id": group["school_id"]})
        if answer.status_code != 200:
            raise Refused(f"a pupil of class {name} could not register: {answer.status_code} {answer.text[:1000]}")
        cast.people[who] = answer.json()["id"]
        cast.usernames[cast.people[who]] = answer.json()["username"]
        sign_in(cast, who, name)


def sign_in(cast: Cast, who: str, name: str, *, allowed: Sequence[int] = (200,)) -> str | None:
    """The token of a pupil, which is the one it speaks with from now on; None where it gets none."""
    username = cast.usernames[cast.people[who]]
    given = {"username": username, "class_joining_code": cast.classes[name]["join_code"]}
    answer = cast.http.post("/auth/class-code", json=given)
    if answer.status_code not in allowed:
        raise Refused(f"{who} could not sign in: {answer.status_code} {answer.text[:1000]}")
    if answer.status_code != 200:
        return None
    cast.tokens[who] = str(answer.json()["access_token"])
    return cast.tokens[who]


def shelf_of(cast: Cast) -> Shown:
    """The library system's key fills the collection."""
    school = cast.schools["ours"]
    account = {"name": f"Library system {cast.run}", "type": "lms", "schools": [{"wriveted_identifier": school}]}
    made = cast.make("admin", "/service-account", account)
    cast.library_system, cast.tokens["library system"] = made["id"], made["access_token"]
    scopes = {"name": "Nightly push", "scopes": ["collections:read", "collections:write"]}
    cast.tokens["key"] = cast.make("admin", f"/service-account/{made['id']}/keys", scopes)["key"]
    rows = [{"isbn": isbn13(9780140000000 + 10 * index), "info": {"title": f"Book {index}"}} for index in range(BOOKS)]
    path = f"/school/{school}/collection"
    summaries = [cast.ask("key", "POST", path, json=rows).json()["summary"] for _ in range(2)]
    cast.collection = cast.ask("admin", "GET", f"/school/{school}").json()["collection"]["id"]
    counted = [f"{each['added']} added, {each['unchanged']} unchanged" for each in summaries]
    expected = f"{BOOKS} added, 0 unchanged; then 0 added, {BOOKS} unchanged"
    return judged("API key", f"POST {BOOKS} books, twice", expected, "; then ".join(counted))


def isbn13(stem: int) -> str:
    """The stem with its last digit made the check digit."""
    digits = str(stem)[:12]
    check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10
    return f"{digits}{check}"


def judged(who: str, asked: str, expected: str, seen: str) -> Shown:
    return Shown(who, asked, expected, seen, [] if seen == expected else [f"{seen} where {expected} was expected"])


def people_of(cast: Cast, who: str) -> Iterator[Shown]:
    """Each of the people one by one, then the list."""
    expected = seen_people()[who]
    seen = {}
    for each in PEOPLE:
        answer = cast.ask(who, "GET", f"/user/{cast.people[each]}", allowed=(200, 403))
        seen[each] = view_of_person(answer)
    yield Shown.of(who, "/user/{each}", expected, {each: view for each, view in seen.items() if view != REFUSED})
    names = {id_: each for each, id_ in cast.people.items()}
    listed = {names.get(row["id"], "a stranger"): "listed" for row in cast.all_of(who, "/users")}
    wanted = {each for each, view in expected.items() if view != FIRST_NAME} | classes_full(cast, who)
    if who == "admin":
        listed.pop("a stranger", None)
    yield counted(who, "/users", wanted, set(listed))


def classes_full(cast: Cast, who: str) -> set[str]:
    """The pupils of the show beside those with a name of their own, for the staff that sees them all."""
    if who in ("admin", *STAFF):
        return {each for each, id_ in cast.people.items() if id_ in cast.usernames and each not in PEOPLE}
    return set()


def counted(who: str, asked: str, expected: set[str], seen: set[str]) -> Shown:
    """Compare sets that are too large to be told in a line."""
    faults = [f"{each} is missing" for each in sorted(expected - seen)]
    faults += [f"{each} is seen" for each in sorted(seen - expected)]
    return Shown(who, asked, f"{len(expected)}", f"{len(seen)}", faults)


def view_of_person(answer: httpx.Response) -> str:
    if answer.status_code != 200:
        return REFUSED
    shown = answer.json()
    keys = shown.keys() - {"permissions"}
    if keys == {"id", "type", "first_name"}:
        return FIRST_NAME
    if keys == {"id", "type", "name"}:
        return NAME
    if shown["type"] == "student" and not shown["username"]:
        return "without user name"
    return WHOLE if shown["email"] is None else ADDRESS


def classes_of(cast: Cast, who: str) -> Iterator[Shown]:
    expected = SEEN_CLASSES.get(who, {})
    seen = {}
    for name, group in cast.classes.items():
        answer = cast.ask(who, "GET", f"/class/{group['id']}", allowed=(200, 403))
        if answer.status_code == 200:
            seen[name] = view_of_class(cast, answer)
    yield Shown.of(who, "/class/{each}", expected, seen)
    names = {group["id"]: name for name, group in cast.classes.items()}
    listed = {names.get(row["id"], "a stranger's"): row for row in cast.all_of(who, "/classes")}
    if who == "admin":
        listed.pop("a stranger's", None)
    views = {name: "with code" if "join_code" in row else SIZE for name, row in listed.items()}
    yield Shown.of(who, "/classes", dict.fromkeys(expected, SIZE), views)


def view_of_class(cast: Cast, answer: httpx.Response) -> str:
    shown = answer.json()
    users = [name for name in cast.usernames.values() if name in answer.text]
    if "join_code" not in shown:
        return "user names" if users or "students" in shown else SIZE
    return CODE_AND_USERNAMES if users else CODE_AND_NAMES


def schools_of(cast: Cast, who: str) -> Iterator[Shown]:
    """Schools one by one and in the list, where everybody recognises them, and the collection of ours."""
    expected = SEEN_SCHOOLS.get(who, {})
    one: dict[str, str] = {}
    many: dict[str, str] = {}
    for name, id_ in cast.schools.items():
        answer = cast.ask(who, "GET", f"/school/{id_}", allowed=(200, 403))
        if answer.status_code == 200:
            one[name] = view_of_school(answer.json())
        known = {"official_identifier": f"show-{cast.run}-{name}"}
        many.update((name, view_of_school(row)) for row in cast.all_of(who, "/schools", **known))
    yield Shown.of(who, "/school/{each}", expected, one)
    yield Shown.of(who, "/schools", {**dict.fromkeys(cast.schools, RECOGNISED), **expected}, many)
    answer = cast.ask(who, "GET", f"/collection/{cast.collection}", allowed=(200, 403))
    books = f"{BOOKS} books" if who in SEES_COLLECTION else REFUSED
    shown = f"{answer.json()['book_count']} books" if answer.status_code == 200 else REFUSED
    yield judged(who, "/collection/{ours}", books, shown)


def view_of_school(shown: Row) -> str:
    if shown["admins"]:
        return WITH_STAFF if all(each["email"] for each in shown["admins"]) and "state" in shown else "staff only"
    return OPEN if "state" in shown else RECOGNISED


def programs_of(cast: Cast, who: str) -> Iterator[Shown]:
    expected = {"library system": "in whole"} if who in SEES_LIBRARY_SYSTEM else {}
    answer = cast.ask(who, "GET", f"/service-account/{cast.library_system}", allowed=(200, 403))
    one = {"library system": "in whole"} if answer.status_code == 200 else {}
    listed = [row["id"] for row in cast.all_of(who, "/service-accounts")]
    if who == "admin":
        listed = [each for each in listed if each == cast.library_system]
    many = {"library system" if each == cast.library_system else "a stranger's": "in whole" for each in listed}
    yield Shown.of(who, "/service-account/{each}", expected, one)
    yield Shown.of(who, "/service-accounts", expected, many)


def events_of(cast: Cast) -> Iterator[Shown]:
    """Each sees those events, of all that an admin finds about these schools and people, that are theirs to see."""
    events: dict[str, Row] = {}
    for asked in (
        *({"school_id": id_} for id_ in cast.schools.values()),
        *({"user_id": cast.people[each]} for each in PEOPLE),
    ):
        events |= {row["id"]: row for row in cast.all_of("admin", "/events", **asked)}
    names = {id_: f"{row['title']} ({id_})" for id_, row in events.items()}
    for who in (*PEOPLE, "library system"):
        expected = {names[id_] for id_, event in events.items() if is_to_see(cast, who, event)}
        seen = {names.get(row["id"], f"a stranger's {row['title']}") for row in cast.all_of(who, "/events")}
        yield counted(who, "/events", expected, seen)


def is_to_see(cast: Cast, who: str, event: Row) -> bool:
    """School events: the school's staff. Of a person: that person and a parent; a supporter, the timeline alone."""
    user = event["user"] and event["user"]["id"]
    school = event["school"] and event["school"]["wriveted_identifier"]
    about = {each for each, id_ in cast.people.items() if id_ == user}
    if who in SCHOOL_OF_STAFF and school == cast.schools[SCHOOL_OF_STAFF[who]]:
        return True
    if about & {who, CHILDREN.get(who)}:
        return True
    return SUPPORTED.get(who) in about and event["title"].startswith("Reader timeline event:")


def deactivated(cast: Cast) -> Shown:
    """A pupil whom the school admin deactivates is out at once, and in again when activated."""
    before = me(cast, "leaver")
    path = f"/user/{cast.people['leaver']}"
    cast.ask("school admin", "PATCH", path, json={"is_active": False})
    after = [me(cast, "leaver"), status_of(sign_in(cast, "leaver", "3B", allowed=(200, 401)))]
    cast.ask("school admin", "PATCH", path, json={"is_active": True})
    again = status_of(sign_in(cast, "leaver", "3B", allowed=(200, 401)))
    seen = f"{before}; then {', '.join(after)}; activated {again}"
    return judged("leaver", "deactivated by the school admin", "in; then out, out; activated in", seen)


def signed_out_everywhere(cast: Cast) -> Shown:
    """A pupil signs in on two devices and out of both."""
    first = cast.tokens["sleeper"]
    sign_in(cast, "sleeper", "3B")
    second = cast.tokens["sleeper"]
    cast.ask("sleeper", "POST", "/auth/logout-everywhere")
    left = []
    for cast.tokens["sleeper"] in (first, second):
        left.append(me(cast, "sleeper"))
    again = status_of(sign_in(cast, "sleeper", "3B"))
    return judged("sleeper", "log-out everywhere, two devices", "out, out; then in", f"{', '.join(left)}; then {again}")


def who_never_was(cast: Cast) -> Shown:
    """Nobody, and a key that has not the scope."""
    nobody = cast.http.get("/users").status_code
    key = cast.ask("key", "GET", "/users", allowed=(200, 403)).status_code
    return judged("nobody, API key", "/users", "401, 403", f"{nobody}, {key}")


def me(cast: Cast, who: str) -> str:
    return "in" if cast.ask(who, "GET", "/auth/me", allowed=(200, 401)).status_code == 200 else "out"


def status_of(token: str | None) -> str:
    return "out" if token is None else "in"


def table(shown: Sequence[Shown]) -> str:
    """What happened, for people."""
    lines = [f"{'who':<16}{'asked':<32}{'faults':>6}  expected | seen"]
    for each in shown:
        seen = each.expected if each.seen == each.expected else f"{each.expected} | {each.seen}"
        lines.append(f"{each.who:<16}{each.asked:<32}{len(each.faults):>6}  {seen}")
        lines += [f"  WRONG: {fault}" for fault in each.faults[:20]]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", required=True, help="Where the service is, such as http://127.0.0.1:8000.")
    parser.add_argument("--admin-token", required=True, help="The token of an admin.")
    given = parser.parse_args()
    try:
        shown = show(given.api, given.admin_token)
    except (Refused, httpx.TransportError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    faults = sum(len(each.faults) for each in shown)
    sys.stdout.write(f"{table(shown)}\n{len(shown)} rows. {faults or 'No'} faults.\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
