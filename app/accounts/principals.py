"""What an account holds: its principals, by the table in the specification of access.

A resource's ``__acl__`` names owners by the same words, such as ``school:{school_id}``. A school is always named by its
UUID. An account that is not active holds nothing, and does not come here; neither does a student of an inactive school.
"""

from collections.abc import Iterable
from uuid import UUID

from app.accounts.models import ServiceAccountType, UserAccountType
from app.core.acl import Authenticated, Everyone

NOBODYS = frozenset({Everyone})
"""All that an account holds which is not active."""
ANY_ACTIVE = NOBODYS | {Authenticated}
ADMIN = "role:admin"

ROLE_OF_SERVICE = {
    ServiceAccountType.BACKEND: ADMIN,
    ServiceAccountType.LMS: "role:lms",
    ServiceAccountType.SCHOOL: "role:library",
    ServiceAccountType.KIOSK: "role:kiosk",
}
LINKS_OF_SERVICE: dict[ServiceAccountType, tuple[str, ...]] = {
    ServiceAccountType.BACKEND: (),
    ServiceAccountType.LMS: ("lms",),
    ServiceAccountType.SCHOOL: ("library", "school"),
    ServiceAccountType.KIOSK: ("kiosk", "school"),
}
"""What a service account is to each of its linked schools."""

HOLDINGS_OF_USER: dict[UserAccountType, tuple[str, ...]] = {
    UserAccountType.WRIVETED: (ADMIN,),
    UserAccountType.PUBLIC: ("role:reader", "child:{parent}"),
    UserAccountType.STUDENT: (
        "role:reader",
        "child:{parent}",
        "role:student",
        "student:{school}",
        "school:{school}",
        "class:{class_group}",
    ),
    UserAccountType.EDUCATOR: ("role:educator", "educator:{school}", "school:{school}"),
    UserAccountType.SCHOOL_ADMIN: (
        "role:educator",
        "educator:{school}",
        "school:{school}",
        "role:schooladmin",
        "schooladmin:{school}",
    ),
    UserAccountType.PARENT: ("role:parent", "parent:{readers}"),
    UserAccountType.SUPPORTER: ("role:supporter", "supporter:{readers}"),
}
"""What a person holds by kind; braces name one of whom ``of_user`` is told."""


def of_service_account(
    kind: ServiceAccountType, schools: Iterable[UUID], *, is_vendor: bool = False, only: Iterable[UUID] | None = None
) -> frozenset[str]:
    """The principals of an active service account with these linked schools.

    ``only`` are the schools that its API key is narrowed to. To a vendor, which serves every school, each of them is as
    a linked one; an admin cannot be narrowed, and holds nothing then.
    """
    if only is not None:
        if kind is ServiceAccountType.BACKEND:
            return ANY_ACTIVE
        schools = only if is_vendor else set(schools) & set(only)
        is_vendor = False
    links = frozenset(f"{relation}:{school}" for school in schools for relation in LINKS_OF_SERVICE[kind])
    roles = {ROLE_OF_SERVICE[kind]}
    if is_vendor and kind is ServiceAccountType.LMS and not links:
        roles.add("role:lms_vendor")
    return ANY_ACTIVE | roles | links


def of_user(
    user_id: UUID,
    kind: UserAccountType,
    *,
    school: UUID | None = None,
    class_group: UUID | None = None,
    parent: UUID | None = None,
    readers: Iterable[UUID] = (),
) -> frozenset[str]:
    """The principals of an active person. ``readers`` are a parent's children, or those whom a supporter cheers on."""
    known: dict[str, Iterable[UUID | None]] = {
        "{school}": (school,),
        "{class_group}": (class_group,),
        "{parent}": (parent,),
        "{readers}": readers,
    }
    held = {f"user:{user_id}"}
    for pattern in HOLDINGS_OF_USER[kind]:
        name, brace, word = pattern.partition("{")
        if brace:
            held.update(f"{name}{each}" for each in known[brace + word] if each is not None)
        else:
            held.add(pattern)
    return ANY_ACTIVE | held
