"""Shapes of explanations of access."""

from typing import Literal

from pydantic import Field

from app.core.schemas import Schema


class RuleShown(Schema):
    """A rule of the resource, as it is declared for all of its kind."""

    action: Literal["allow", "deny"]
    principal: str = Field(description="Who it is about; braces name a value of the object, as in `school:{id}`.")
    permissions: list[str] = Field(description="What it is about; `*`: everything.")


class DecidingRule(RuleShown):
    held: str = Field(description="The principal that the account holds, and this object names.")


class AccessExplanation(Schema):
    """Whether an account may do something with an object, and which rule says so."""

    allowed: bool
    resource: str
    id: str
    permission: str
    account: str = Field(description="Who was asked about, by kind and id.")
    decided_by: DecidingRule | None = Field(description="Null: no rule matched, so the answer is no.")
    did_not_match: list[RuleShown] = Field(
        description="The rules about this permission that were asked before: the account holds nothing that they name."
    )
    principals: list[str] = Field(description="All that the account holds.")
    scopes: list[str] | None = Field(
        description="What the key that you showed is narrowed to, beside these rules; null: nothing, or not about you."
    )
