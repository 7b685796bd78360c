"""What an account holds: its principals, by the table in the specification of access.

A resource's ``__acl__`` names owners by the same words, such as ``school:{school_id}``. A school is always named by its
UUID. An account that is not active holds nothing, and does not come here.
"""

from collections.abc import Iterable
from uuid import UUID

from app.accounts.models import ServiceAccountType, UserAccountType
from app.core.acl import Authenticated, Everyone

ANY_ACTIVE = frozenset({Everyone, Authenticated})
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

ROLES_OF_USER: dict[UserAccountType, frozenset[str]] = {
    UserAccountType.WRIVETED: frozenset({ADMIN}),
}


def of_service_account(kind: ServiceAccountType, schools: Iterable[UUID], *, is_vendor: bool = False) -> frozenset[str]:
    """The principals of an active service account with these linked schools."""
    links = frozenset(f"{relation}:{school}" for school in schools for relation in LINKS_OF_SERVICE[kind])
    roles = {ROLE_OF_SERVICE[kind]}
    if is_vendor and kind is ServiceAccountType.LMS and not links:
        roles.add("role:lms_vendor")
    return ANY_ACTIVE | roles | links


def of_user(user_id: UUID, kind: UserAccountType) -> frozenset[str]:
    """The principals of an active person."""
    return ANY_ACTIVE | {f"user:{user_id}"} | ROLES_OF_USER.get(kind, frozenset())
