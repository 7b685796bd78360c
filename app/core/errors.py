"""The words in which this product says no, each with an HTTP status and a stable code.

Services raise these; core/http is the one place that renders them, as `application/problem+json` (RFC 9457). Those of
HTTP itself, which no service raises, stand in core/protocol_errors.
A subclass registers itself under its `code`; its `title` and `advice` are the page `/docs/errors/{code}`.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self, TypeAlias

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"

REGISTRY: "dict[str, type[Problem]]" = {}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in the input: a JSON pointer (RFC 6901) into the body, or `/query/…`, `/path/…`."""

    pointer: str
    code: str
    detail: str


class Refusal(NamedTuple):
    """What the audit is to know of a refusal: an action, whom it concerns by kind and id, ids and names of fields."""

    action: str
    subject: str | None
    details: Mapping[str, Json]


class Problem(Exception):
    """A refusal that the caller may read: `detail` and `extra` reach the client, so no secrets and no SQL.

    `extra` takes only the `members` that the class allows; `retry_after` (seconds) also becomes a header.
    """

    refusal: Refusal | None = None

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    advice: ClassVar[str]
    members: ClassVar[frozenset[str]] = frozenset()
    retry_after: ClassVar[int | None] = None
    default_headers: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if REGISTRY.setdefault(cls.code, cls) is not cls:
            raise TypeError(f"two problems are called {cls.code!r}")

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Json,
    ) -> None:
        if not extra.keys() <= self.members | {"retry_after"}:
            raise TypeError(f"{type(self).__name__} takes {sorted(self.members)}, not {sorted(extra)}")
        if self.retry_after is not None:
            extra.setdefault("retry_after", self.retry_after)
        self.detail = detail or f"{self.title}."
        self.errors = tuple(errors)
        self.extra = extra
        self.headers = {**self.default_headers, **(headers or {})}
        if "retry_after" in extra:
            self.headers.setdefault("Retry-After", str(extra["retry_after"]))
        super().__init__(self.detail)

    def on_record(self, action: str, *, subject: str | None = None, **details: Json) -> Self:
        """The problem itself, to be put in the audit when it is answered: `raise Unauthenticated().on_record(…)`."""
        self.refusal = Refusal(action, subject, details)
        return self

    def body(self, *, public_url: str, request_id: str) -> dict[str, Json]:
        """The problem document (RFC 9457), ready for JSON."""
        return {
            "type": f"{public_url}/docs/errors/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in self.errors],
            "request_id": request_id,
            **self.extra,
        }


class Malformed(Problem):
    status = 400
    code = "malformed"
    title = "The request cannot be understood"
    advice = "Correct the header, parameter or cursor that the detail names; the same request will fail again."


class MalformedJson(Malformed):
    code = "malformed_json"
    title = "The body is not valid JSON"
    advice = (
        "Send one JSON document in UTF-8, as RFC 8259 defines it: no NaN or Infinity, no key twice in one "
        "object, nothing after the document."
    )


class InvalidCursor(Malformed):
    code = "invalid_cursor"
    title = "The cursor is not valid"
    advice = "Cursors belong to one caller, filter and order, and expire. Start again from the first page."


class Unauthenticated(Problem):
    status = 401
    code = "not_authenticated"
    title = "No valid credential was given"
    advice = (
        "Send `Authorization: Bearer <token>` with a token or an API key of this service that is still valid, or the "
        "key as `X-Api-Key`; never both."
    )
    default_headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}


class Forbidden(Problem):
    status = 403
    code = "permission_missing"
    title = "You may not do this"
    advice = (
        "Your account lacks the permission that `permission` names. `GET /v1/access/explain` tells which rule decides "
        "about an object that you can read. Ask an administrator of the school."
    )
    members = frozenset({"permission", "resource"})


class ScopeMissing(Problem):
    status = 403
    code = "scope_missing"
    title = "The API key is not for this"
    advice = (
        "The key lacks the scope that `scope` names: ask for a key that has it. Where `scope` is null no key opens "
        "this door: use a token."
    )
    members = frozenset({"scope"})


class FieldForbidden(Problem):
    status = 403
    code = "field_forbidden"
    title = "You may not write this field"
    advice = "Leave out the fields that `errors` points at; nothing was written."


class QuotaExceeded(Problem):
    status = 403
    code = "quota_exceeded"
    title = "The quota is used up"
    advice = "Remove what is no longer needed, or ask for a larger quota; waiting does not help."


class NotFound(Problem):
    status = 404
    code = "not_found"
    title = "It does not exist"
    advice = "Check the path and the identifiers in it."


class Conflict(Problem):
    status = 409
    code = "conflict"
    title = "The request contradicts the present state"
    advice = "Read the resource again and decide anew."


class AlreadyExists(Conflict):
    code = "already_exists"
    title = "It exists already"
    advice = "Update the one that exists, or choose another value for the fields that `errors` points at."


class Busy(Conflict):
    code = "busy"
    title = "Another request is changing the same thing"
    advice = "Nothing was written. Send the same request again after `Retry-After` seconds."
    retry_after = 1


class IdempotencyInFlight(Conflict):
    code = "idempotency_in_flight"
    title = "The first request with this Idempotency-Key is still running"
    advice = "Send the same request again after `Retry-After` seconds to be answered with the first result."
    retry_after = 1


class RemovalLimitExceeded(Conflict):
    code = "removal_limit_exceeded"
    title = "This would remove more than the agreed share"
    advice = "Nothing was written. If the file is complete and this is meant, confirm it or raise the limit."
    members = frozenset({"removed", "total", "limit_percent", "summary", "withdrawn_isbns"})


class PreconditionFailed(Problem):
    status = 412
    code = "precondition_failed"
    title = "It has changed since you read it"
    advice = "Read the resource again, apply your change to the new state, and send it with the new ETag."


class TooLarge(Problem):
    status = 413
    code = "body_too_large"
    title = "The body is too large"
    advice = "Split the request; the member `limit_bytes` is what this operation takes."
    members = frozenset({"limit_bytes"})


class Invalid(Problem):
    status = 422
    code = "invalid"
    title = "The input is not valid"
    advice = "Each entry of `errors` points at one fault and says what is expected."


class UnknownField(Invalid):
    code = "unknown_field"
    title = "The body has a field that this operation does not know"
    advice = "Remove or rename the fields that `errors` points at; nothing was written."


class IdempotencyMismatch(Invalid):
    code = "idempotency_mismatch"
    title = "This Idempotency-Key was used for another request"
    advice = "Use a new key for each new request, and the same key only to repeat exactly the same one."


class AtomicRejected(Invalid):
    code = "atomic_rejected"
    title = "Some items were refused, so nothing was written"
    advice = "Correct the items that `errors` points at, or leave out `atomic=true` to apply the others."
    members = frozenset({"summary", "results"})


class NothingUsable(Invalid):
    code = "nothing_usable"
    title = "No item could be used"
    advice = "Each entry of `errors` says why its item was refused; nothing was written."
    members = frozenset({"summary", "results"})


class TooManyRequests(Problem):
    status = 429
    code = "rate_limited"
    title = "Too many requests"
    advice = "Wait `Retry-After` seconds. `RateLimit-Policy` and `RateLimit` say what is allowed and what is left."
    retry_after = 1


class Internal(Problem):
    status = 500
    code = "internal_error"
    title = "Something went wrong on our side"
    advice = "Nothing was written. If it happens again, tell us the `request_id`."


class Unavailable(Problem):
    status = 503
    code = "unavailable"
    title = "Something that we need is away for a moment"
    advice = "Nothing was written. Send the same request again after `Retry-After` seconds."
    retry_after = 2


def pointer(*parts: str | int) -> str:
    """A JSON pointer: `pointer("items", 3, "a/b")` is `/items/3/a~1b`; without parts, the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def unknown_field(known: Iterable[str], *path: str | int) -> FieldError:
    """The fault of a key (last in `path`) that is none of `known`, naming the nearest where one is near."""
    near = difflib.get_close_matches(str(path[-1]).lower(), sorted(known), n=1, cutoff=0.6)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    return FieldError(pointer(*path), "unknown_field", f"This field is not known here.{hint}")
