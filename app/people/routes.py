"""The doors of people."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from app.accounts.doors import TokenIssuer
from app.core.account import Account
from app.core.db import Session
from app.core.guards import Caller, Permission
from app.core.idempotency import Idempotent
from app.core.include import Include, IncludeBesideFilters
from app.core.paging import Pages
from app.core.requests import Door
from app.people import service, supporters
from app.people.bodies import (
    MintIn,
    SchoolAdminIn,
    SupporterInviteIn,
    SupporterLinkIn,
    UserCreateIn,
    UserFilter,
    UserUpdateIn,
)
from app.people.doors import SeenOne, SupporterInPath, person_by_id, person_to_change, school_by_id
from app.people.kinds import Person
from app.people.schemas import MintedToken, PersonDetail, SeenPerson, SupporterLink, UserListsResponse
from app.schools.models import SCHOOLS, School

router = APIRouter(prefix="/v1", tags=["users"], route_class=Door)

Changeable = Annotated[Person, Permission("update", person_to_change)]
Deletable = Annotated[Person, Permission("delete", person_to_change)]
Mintable = Annotated[Person, Permission("mint-token", person_by_id)]
Supportable = Annotated[Person, Permission("manage-supporters", person_by_id)]
REFUSED: dict[int | str, dict[str, Any]] = {
    403: {
        "description": "You may not create such an account at this school (`permission`), or not say this (`errors`).",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


@router.get("/users")
async def get_users(
    caller: Caller,
    session: Session,
    pages: Pages,
    wanted: Annotated[UserFilter, Query()],
    include: IncludeBesideFilters,
) -> UserListsResponse:
    """The people whom you may read, active ones first, by name: for staff those of the school.

    An e-mail address is shown, and searched, where you may know it. `total` is told unless you page by `cursor`.
    """
    found, total, last = await service.find_people(
        session, caller, wanted, after=pages.after, skip=pages.skip, limit=pages.limit, include=include
    )
    pages.offer_next(len(found), last)
    return UserListsResponse(data=found, pagination=pages.describe(total))


@router.post("/user", responses=REFUSED)
async def create_user(
    given: UserCreateIn,
    caller: Caller,
    session: Session,
    _: Idempotent,
    generate_pathway_lists: Annotated[bool, Query(description="Not in this release: true is refused.")] = False,
) -> PersonDetail:
    """Create an account: an administrator any, a school's staff those of the school. A parent may bring children."""
    return await service.create_user(session, caller, given, generate_pathway_lists=generate_pathway_lists)


@router.get("/user/{user_id}")
async def get_user(person: SeenOne, caller: Caller, session: Session, include: Include = None) -> SeenPerson:
    """Somebody, as you may see them: in whole, or of a parent the name, or of a reader the first name.

    That you looked at a child who is neither you nor yours stays on record.
    """
    return await service.view(session, caller, person, include)


@router.patch("/school/{wriveted_identifier}/admin")
async def bind_school_admin(
    caller: Annotated[Account, Permission("bind-admin", SCHOOLS)],
    school: Annotated[School, Depends(school_by_id)],
    session: Session,
    given: SchoolAdminIn,
) -> PersonDetail:
    """Make somebody who has an account an admin of a school."""
    return await service.bind_school_admin(session, caller, school, given.user_id)


@router.patch("/user/{user_id}")
async def update_user(
    person: Changeable,
    caller: Caller,
    session: Session,
    patch: UserUpdateIn,
    merge_dicts: Annotated[
        bool, Query(description="Merge `info` and `huey_attributes` (RFC 7396) instead of replacing them.")
    ] = False,
) -> PersonDetail:
    """Change somebody. A change of rights (`type`, school, class, `is_active`) ends every session of that person."""
    return await service.update_user(session, caller, person, patch, merge=merge_dicts)


@router.delete("/user/{user_id}", status_code=204)
async def delete_user(
    person: Deletable,
    caller: Caller,
    session: Session,
    purge: Annotated[bool, Query(description="Delete the account with all that is its own, for good.")] = False,
) -> None:
    """Deactivate an account, so that nobody signs in to it; or delete it."""
    await service.delete_user(session, caller, person, purge=purge)


@router.post("/user/{user_id}/auth-token")
async def mint_token(
    person: Mintable, caller: Caller, session: Session, issuer: TokenIssuer, given: MintIn | None = None
) -> MintedToken:
    """A short-lived token to act as somebody else. You stay on record beside them in whatever it does."""
    return await service.mint(session, caller, issuer, person, given or MintIn())


@router.get("/user/{user_id}/supporters")
async def get_supporters(reader: Supportable, session: Session) -> list[SupporterLink]:
    """Who cheers a reader on, by nickname."""
    return await supporters.list_supporters(session, reader)


@router.post("/user/{user_id}/supporters")
async def invite_supporter(
    reader: Supportable, caller: Caller, session: Session, given: SupporterInviteIn, _: Idempotent
) -> SupporterLink:
    """Invite somebody by e-mail to cheer a reader on. Whoever it is sees the reader's first name, and no more."""
    return await supporters.invite(session, caller, reader, given)


@router.put("/user/{user_id}/supporter/{supporter_id}")
async def link_supporter(
    reader: Supportable, supporter: SupporterInPath, caller: Caller, session: Session, given: SupporterLinkIn
) -> SupporterLink:
    """Have a supporter cheer a reader on, or change how. The supporter sees the reader's first name, and no more."""
    return await supporters.link(session, caller, reader, supporter, given)


@router.delete("/user/{user_id}/supporter/{supporter_id}", status_code=204)
async def unlink_supporter(reader: Supportable, supporter: SupporterInPath, caller: Caller, session: Session) -> None:
    """End a link."""
    await supporters.unlink(session, caller, reader, supporter)
