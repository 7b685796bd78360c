"""The verbs of e-mail. Other services call ``write`` in the line that causes one; the task sends it afterwards."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.config import Settings
from app.core.db import transaction_of
from app.core.errors import FieldError, Invalid, NotFound
from app.core.outbox import enqueue
from app.core.sealing import Vault
from app.events.service import record
from app.messages.addresses import Subscription, marks_of
from app.messages.models import Category, Suppression, SuppressionReason
from app.messages.queries import suppressions_matching
from app.messages.schemas import EmailIn, EmailQueued, SendEmail, SuppressionDetail, SuppressionIn
from app.messages.writing import TEMPLATES


class Sealed(msgspec.Struct, omit_defaults=True):
    """What of an e-mail only the task that sends it may read."""

    data: dict[str, str]
    to: str | None = None
    sender: str | None = None
    sender_name: str | None = None
    vendor_template: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An e-mail to a person, whose address is looked up when it is sent; or to an address."""

    template: str
    data: Mapping[str, str]
    user_id: UUID | None = None
    to: str | None = None
    sender: str | None = None
    sender_name: str | None = None
    vendor_template: str | None = None

    def task(self, vault: Vault) -> SendEmail:
        missing = TEMPLATES[self.template].names - self.data.keys()
        if self.vendor_template is None and missing:
            raise ValueError(f"{self.template} is not told {sorted(missing)}")
        said = Sealed(dict(self.data), self.to, self.sender, self.sender_name, self.vendor_template)
        sealed = vault.seal(msgspec.json.encode(said), _place(self.template, self.user_id))
        return SendEmail(template=self.template, user_id=self.user_id, sealed=base64.b64encode(sealed).decode())


def opened(vault: Vault, task: SendEmail) -> Sealed:
    """What the task is to send. Raises ``Unsealable``."""
    sealed = base64.b64decode(task.sealed)
    return msgspec.json.decode(vault.open(sealed, _place(task.template, task.user_id)), type=Sealed)


async def write(session: AsyncSession, *drafts: Draft, account: Account | None) -> None:
    """Have e-mails sent once the caller's transaction is committed; ``account`` is who causes them."""
    if drafts:
        vault = Vault.of(transaction_of(session).database.settings)
        await enqueue(session, *(draft.task(vault) for draft in drafts), account=account)


async def send_by_hand(session: AsyncSession, account: Account, settings: Settings, given: EmailIn) -> EmailQueued:
    """Have staff's own words sent, to each recipient alone. Raises `Invalid`."""
    if faults := _faults(settings, given):
        raise Invalid(errors=faults)
    data = dict(given.template_data)
    if given.subject is not None:
        data["subject"] = given.subject
    drafts = [
        Draft(
            "message",
            data,
            to=address,
            sender=given.from_email,
            sender_name=given.from_name,
            vendor_template=given.template_id,
        )
        for address in dict.fromkeys(given.to_emails)
    ]
    await write(session, *drafts, account=account)
    info = {"recipients": len(drafts), "template_id": given.template_id}
    record(session, "Email queued", account=account, info=info)
    return EmailQueued(msg="Email queued")


def _faults(settings: Settings, given: EmailIn) -> list[FieldError]:
    faults = []
    own = settings.mail_sender.rpartition("@")[2].lower()
    if given.from_email.rpartition("@")[2].lower() != own:
        faults.append(FieldError("/from_email", "not_ours", f"E-mail is sent from addresses at {own}."))
    if given.template_id is not None:
        if settings.mail_transport != "sendgrid":
            faults.append(FieldError("/template_id", "not_available", "E-mail is not sent by SendGrid here."))
        return faults
    if given.subject is None:
        faults.append(FieldError("/subject", "missing", "An e-mail without a template needs a subject."))
    if "text" not in given.template_data:
        faults.append(FieldError("/template_data/text", "missing", "Say what is to be written."))
    unknown = sorted(given.template_data.keys() - {"text"})
    faults += [FieldError(f"/template_data/{name}", "unknown_field", "Without a template: `text`.") for name in unknown]
    return faults


async def unsubscribe(session: AsyncSession, wanted: Subscription) -> None:
    """Send no more e-mail of the category to whom a link names. Again and again is the same as once."""
    row = {"mark": wanted.mark, "category": wanted.category, "reason": SuppressionReason.ASKED}
    stored = insert(Suppression).values(row).on_conflict_do_nothing().returning(Suppression.id)
    if await session.scalar(stored) is not None:
        record(session, "Email unsubscribed", account=None, info={"category": wanted.category})


async def suppress(session: AsyncSession, account: Account, vault: Vault, given: SuppressionIn) -> SuppressionDetail:
    """Send nothing more to an address, or nothing of a category."""
    await suppress_address(session, vault, given.email, given.category, SuppressionReason.STAFF)
    (found,) = await session.scalars(
        suppressions_matching(marks_of(vault, given.email), category=given.category).limit(1)
    )
    record(session, "Email suppressed", account=account, info={"id": str(found.id), "category": given.category})
    return SuppressionDetail.model_validate(found)


async def suppress_address(
    session: AsyncSession, vault: Vault, address: str, category: Category | None, reason: SuppressionReason
) -> None:
    row = {"mark": marks_of(vault, address)[0], "category": category, "reason": reason}
    await session.execute(insert(Suppression).values(row).on_conflict_do_nothing())


async def list_suppressions(
    session: AsyncSession,
    vault: Vault,
    email: str | None,
    *,
    after: tuple[datetime, UUID] | None,
    skip: int,
    limit: int,
) -> Sequence[SuppressionDetail]:
    """One page of what is not sent, the newest first; of one address if it is given."""
    marks = None if email is None else marks_of(vault, email)
    found = await session.scalars(suppressions_matching(marks, after=after).offset(skip).limit(limit))
    return [SuppressionDetail.model_validate(each) for each in found]


async def get_suppression(session: AsyncSession, suppression_id: UUID) -> Suppression:
    found: Suppression | None = await session.scalar(select(Suppression).where(Suppression.id == suppression_id))
    if found is None:
        raise NotFound("There is no such suppression.")
    return found


async def lift(session: AsyncSession, account: Account, found: Suppression) -> None:
    """Send to the address again."""
    await session.execute(delete(Suppression).where(Suppression.id == found.id))
    info = {"id": str(found.id), "category": found.category, "reason": found.reason}
    record(session, "Email suppression lifted", account=account, info=info)


def _place(template: str, user_id: UUID | None) -> str:
    return f"tasks.payload:send-email:{template}:{user_id}"
