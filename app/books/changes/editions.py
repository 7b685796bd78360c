"""Changing an edition that is known: for admins, who alone overwrite."""

from typing import Any

from sqlalchemy import delete, exists, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.briefs import refresh_briefs
from app.books.changes.people import people_meant
from app.books.merging.locking import lock_catalogue
from app.books.merging.redirects import current_id
from app.books.models import Edition, Illustrator, IllustratorEdition, MergeKind, Work
from app.books.schemas import EditionDetail, EditionUpdateIn
from app.books.service import describe_edition
from app.core.account import Account
from app.core.db import driver_of
from app.core.differences import differences
from app.core.errors import FieldError, Invalid, NotFound
from app.core.etags import etag_of, require_match
from app.events import service as events

PLAIN = ("leading_article", "edition_title", "edition_subtitle", "date_published", "cover_url", "hydrated_at")


async def update_edition(
    session: AsyncSession,
    account: Account,
    isbn: str,
    patch: EditionUpdateIn,
    *,
    merge_info: bool = False,
    if_match: str | None = None,
) -> EditionDetail:
    """Change the fields that a patch names. Raises `NotFound`, `PreconditionFailed`, and `Invalid` where the work or
    an illustrator does not exist."""
    named = patch.model_fields_set
    if named & {"work_id", "illustrators"}:
        await lock_catalogue(driver_of(session))
    edition = await session.scalar(select(Edition).where(Edition.isbn == isbn).with_for_update(key_share=True))
    if edition is None:
        raise NotFound("There is no edition with this ISBN.")
    before, hydrated_at = await describe_edition(session, isbn), edition.hydrated_at
    require_match(etag_of(before), if_match)
    for name in named.intersection(PLAIN):
        setattr(edition, name, getattr(patch, name))
    if "info" in named:
        edition.info = _changed_info(edition.info, patch, merge_info)
    if "work_id" in named:
        edition.work_id = await _work_meant(session, patch.work_id)
    if "illustrators" in named:
        await _draw(session, isbn, patch)
    await refresh_briefs(session, [int(isbn)])
    after = await describe_edition(session, isbn)
    changes = differences(before.model_dump(mode="json"), after.model_dump(mode="json"))
    changes |= differences({"hydrated_at": str(hydrated_at)}, {"hydrated_at": str(edition.hydrated_at)})
    if changes:
        events.record(
            session,
            "Edition updated",
            account=account,
            description=f"ISBN {isbn}: {', '.join(sorted(changes))}",
            info={"isbn": isbn, "work_id": after.work_id, "changes": changes},
        )
    return after


def _changed_info(known: dict[str, Any] | None, patch: EditionUpdateIn, merge: bool) -> dict[str, Any] | None:
    if patch.info is None:
        return None
    said = patch.info.model_dump(mode="json", exclude_unset=True)
    return {**(known or {}), **said} if merge else said


async def _work_meant(session: AsyncSession, work_id: int | None) -> int | None:
    if work_id is None:
        return None
    current = await current_id(session, MergeKind.WORK, work_id)
    if not await session.scalar(select(exists().where(Work.id == current))):
        raise Invalid(errors=[FieldError("/work_id", "not_found", "There is no such work.")])
    return current


async def _draw(session: AsyncSession, isbn: str, patch: EditionUpdateIn) -> None:
    """Have the edition illustrated by those who are named, and nobody else."""
    drawn = select(IllustratorEdition.illustrator_id).where(IllustratorEdition.edition_isbn == isbn)
    known = set(await session.scalars(drawn))
    people = await people_meant(session, Illustrator, patch.illustrators or [], at="illustrators", context=known)
    if gone := known.difference(people):
        await session.execute(
            delete(IllustratorEdition).where(
                IllustratorEdition.edition_isbn == isbn, IllustratorEdition.illustrator_id.in_(gone)
            )
        )
    if new := [id_ for id_ in people if id_ not in known]:
        await session.execute(
            insert(IllustratorEdition), [{"edition_isbn": isbn, "illustrator_id": id_} for id_ in new]
        )
