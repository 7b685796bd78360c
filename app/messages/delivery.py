"""Doing the tasks of messages: who may be written to is asked when it is about to be done, the vendor outside of any
transaction, and what became of it is noted with the task."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.errors import Unavailable
from app.core.log import get_logger
from app.core.sealing import Vault
from app.core.work import Work
from app.events.alerts import SendAlert
from app.events.models import Event
from app.events.service import record
from app.messages.addresses import is_address, marks_of, token_of
from app.messages.alerts import alert_about
from app.messages.models import Category, EmailOutcome, SentEmail, SuppressionReason
from app.messages.queries import belongs_to_pupil, is_suppressed, recipient
from app.messages.schemas import Alerter, Letter, Mailer, SendEmail, Undeliverable
from app.messages.service import Sealed, opened, suppress_address
from app.messages.writing import TEMPLATES, written

KEPT = "365 days"
FORGET = text("""
    DELETE FROM sent_emails WHERE id IN (
        SELECT id FROM sent_emails WHERE created_at < now() - CAST(:kept AS interval) LIMIT 10 FOR UPDATE SKIP LOCKED)
""")


@dataclass(frozen=True, slots=True)
class Post:
    """What sending e-mail takes. Without a mailer tasks stay, to be replayed by staff once there is one."""

    settings: Settings
    vault: Vault
    mailer: Mailer | None


async def deliver(work: Work[SendEmail], post: Post) -> None:
    """Send an e-mail, unless its recipient is gone, does not want it, or may not be written to."""
    said = opened(post.vault, work.task)
    async with work.reading() as session:
        to, outcome = await _addressed(session, work.task, said, post)
    if outcome is EmailOutcome.SENT:
        if post.mailer is None:
            get_logger().warning("email.no_transport", kind=work.task.template)
            raise Unavailable("No way to send e-mail is set up (WRIVETED_MAIL_TRANSPORT).", retry_after=3600)
        try:
            await post.mailer.send(_letter(work, said, to, post))
        except Undeliverable:
            outcome = EmailOutcome.REFUSED
    async with work.applying() as session:
        await _note(session, work, to, outcome, post)


async def tell(work: Work[SendAlert], alerter: Alerter | None) -> None:
    """Tell staff of an event. Where nobody is to be told, the log says that it happened."""
    async with work.reading() as session:
        event = await session.get(Event, work.task.event_id)
    if event is not None and alerter is not None:
        await alerter.tell(alert_about(event, work.task.channel))
    elif event is not None:
        get_logger().warning("alert.no_transport", kind="slack")
    async with work.applying():
        pass


async def _addressed(session: AsyncSession, task: SendEmail, said: Sealed, post: Post) -> tuple[str, EmailOutcome]:
    """The address, and what becomes of an e-mail to it as far as we are concerned."""
    address = said.to
    if task.user_id is not None:
        found = (await session.execute(recipient(task.user_id))).one_or_none()
        address = None if found is None else found.email
    if not address or not is_address(address):
        return "", EmailOutcome.NO_ADDRESS
    if await session.scalar(belongs_to_pupil(address)):
        return address, EmailOutcome.WITHHELD
    category = TEMPLATES[task.template].category
    if await session.scalar(is_suppressed(marks_of(post.vault, address), category)):
        return address, EmailOutcome.SUPPRESSED
    return address, EmailOutcome.SENT


def _letter(work: Work[SendEmail], said: Sealed, to: str, post: Post) -> Letter:
    name, settings = work.task.template, post.settings
    category, unsubscribe = TEMPLATES[name].category, None
    if category is not Category.ACCOUNT:
        unsubscribe = f"{settings.public_url}/v1/email/unsubscribe/{token_of(post.vault, to, category)}"
    words = None
    if said.vendor_template is None:
        words = written(name, said.data, unsubscribe=unsubscribe, app=settings.app_url)
    return Letter(
        id=work.id,
        sender=said.sender or settings.mail_sender,
        sender_name=said.sender_name or settings.mail_sender_name,
        to=to,
        subject="" if words is None else words.subject,
        text="" if words is None else words.text,
        html="" if words is None else words.html,
        unsubscribe=unsubscribe,
        vendor_template=said.vendor_template,
        data=said.data,
    )


async def _note(session: AsyncSession, work: Work[SendEmail], to: str, outcome: EmailOutcome, post: Post) -> None:
    transport = post.mailer.name if post.mailer is not None and outcome is EmailOutcome.SENT else None
    template, user_id = work.task.template, work.task.user_id
    session.add(SentEmail(id=work.id, template=template, outcome=outcome, transport=transport, user_id=user_id))
    if outcome is EmailOutcome.REFUSED:
        await suppress_address(session, post.vault, to, None, SuppressionReason.BOUNCED)
    title = "SendGrid email sent" if transport == "sendgrid" else "Email sent"
    if outcome is EmailOutcome.SENT:
        record(session, title, account=work.account, info={"message_id": str(work.id), "template": template})
    await session.execute(FORGET, {"kept": KEPT})
