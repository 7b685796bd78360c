"""The verbs of works together with their labels."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.briefs import refresh_briefs
from app.books.matching import match_title
from app.books.merging.locking import lock_catalogue
from app.books.merging.redirects import current_id
from app.books.models import MergeKind, Work
from app.books.service import edition_brief
from app.books.works import service as works
from app.books.works.schemas import WorkCreateWithEditionsIn, WorkInfo
from app.core.account import Account
from app.core.db import driver_of
from app.core.differences import differences
from app.core.errors import FieldError, Invalid, NotFound
from app.core.etags import etag_of, require_match
from app.core.isbn import display
from app.core.text import fold
from app.events import service as events
from app.labels.patching.authority import relabel
from app.labels.patching.saying import labels_said, origins_said
from app.labels.patching.storing import Relabelling, read_labels, read_words, store_labels
from app.labels.schemas import LabelSetCreateIn
from app.labels.works import queries
from app.labels.works.schemas import WorkDetail, WorkShown, WorkUpdateIn

HEADING = ("leading_article", "title", "subtitle")
MEMBERS = ("id", "type", "leading_article", "title", "subtitle", "info", "authors", "cover_url", "labelset")


async def describe_work(session: AsyncSession, work_id: int) -> WorkDetail:
    """All that is shown of a work, also by the id of one that was merged into it. Raises ``NotFound``."""
    driver = driver_of(session)
    shown = await _members(session, work_id)
    rows = await (await driver.execute(queries.EDITIONS, [shown["id"]])).fetchall()
    briefs = [edition_brief(headings, display(isbn), of, cover) for *headings, isbn, of, cover in rows]
    return WorkDetail.model_validate({**shown, "editions": briefs})


async def describe_work_in_brief(session: AsyncSession, work_id: int) -> WorkShown:
    """The same without what only staff look at."""
    return WorkShown.model_validate(await _members(session, work_id))


async def create_work(session: AsyncSession, account: Account, new: WorkCreateWithEditionsIn) -> WorkDetail:
    """A new work (see `books.works.service.create_work`)."""
    return await describe_work(session, await works.create_work(session, account, new))


async def update_work(
    session: AsyncSession, account: Account, work_id: int, patch: WorkUpdateIn, *, if_match: str | None = None
) -> WorkDetail:
    """Change what a patch names of a work and of its labels, under the work's lock.

    Raises `NotFound`, `PreconditionFailed`, `FieldForbidden` and `Invalid`; nothing is written then.
    """
    if "authors" in patch.model_fields_set:
        await lock_catalogue(driver_of(session))
    work = await works.locked_work(session, await current_id(session, MergeKind.WORK, work_id))
    before = await describe_work(session, work.id)
    require_match(etag_of(before), if_match)
    await _apply(session, work, patch)
    if patch.labelset is not None:
        await _label(session, account, work, patch.labelset)
    after = await describe_work(session, work.id)
    _record(session, account, before, after)
    return after


async def delete_work(
    session: AsyncSession, account: Account, work_id: int, *, if_match: str | None = None
) -> WorkDetail:
    """Delete a work and its labels, but not its editions: nobody's holdings and nobody's history go with it."""
    await lock_catalogue(driver_of(session))
    work = await works.locked_work(session, work_id)
    shown = await describe_work(session, work_id)
    require_match(etag_of(shown), if_match)
    await works.delete_work(session, work)
    events.record(
        session,
        "Work deleted",
        account=account,
        description=f"Work {work_id}: {shown.title}",
        info={"work_id": work_id, "work": shown.model_dump(mode="json")},
    )
    return shown


async def _members(session: AsyncSession, work_id: int) -> dict[str, Any]:
    driver = driver_of(session)
    row = await (await driver.execute(queries.WORK, [work_id])).fetchone()
    if row is None and (current := await current_id(session, MergeKind.WORK, work_id)) != work_id:
        row = await (await driver.execute(queries.WORK, [current])).fetchone()
    if row is None:
        raise NotFound("There is no work with this id.")
    id_, type_, article, title, subtitle, info, authors, cover_url, labelset = row
    known = None if info is None else WorkInfo.model_validate(info, extra="ignore").model_dump()
    return dict(zip(MEMBERS, (id_, type_, article, title, subtitle, known, authors, cover_url, labelset), strict=True))


async def _apply(session: AsyncSession, work: Work, patch: WorkUpdateIn) -> None:
    named = patch.model_fields_set
    if "title" in named and patch.title is None:
        raise Invalid(errors=[FieldError("/title", "missing", "A work has a title.")])
    for name in named.intersection(HEADING):
        setattr(work, name, getattr(patch, name))
    work.match_title = match_title(work.title, work.leading_article)
    work.match_subtitle = fold(work.subtitle or "")
    if "authors" in named:
        await works.credit_work(session, work, patch.authors)
    if named & {*HEADING, "authors"}:
        await refresh_briefs(session, (), [work.id])


async def _label(session: AsyncSession, account: Account, work: Work, patch: LabelSetCreateIn) -> None:
    at = ("labelset",)
    origins, words = origins_said(patch, account, at), await read_words(session)
    known = (await read_labels(session, [work.id]))[work.id]
    said = labels_said(patch, origins, known, words, account, at)
    await store_labels(session, account, [Relabelling(work.id, known, relabel(known, said))], words)


def _record(session: AsyncSession, account: Account, before: WorkDetail, after: WorkDetail) -> None:
    unsaid = {"labelset", "editions", "cover_url"}
    was, is_ = (shown.model_dump(mode="json") for shown in (before, after))
    fields = differences(
        *({name: value for name, value in shown.items() if name not in unsaid} for shown in (was, is_))
    )
    labels = differences(was["labelset"] or {}, is_["labelset"] or {})
    if not fields and not labels:
        return
    events.record(
        session,
        "Work updated",
        account=account,
        description=f"Work {after.id}: {', '.join([*fields, *(f'labelset.{name}' for name in labels)])}"[:500],
        info={"work_id": int(after.id), "changes": fields, "labels": labels},
    )
