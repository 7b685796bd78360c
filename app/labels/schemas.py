"""Shapes of labels."""

from pydantic import Field

from app.core.schemas import Schema


class KnownAndTaggedEditionCounts(Schema):
    """How much of a list of ISBNs is known. Each count is a part of the one before it."""

    num_provided: int = Field(description="Entries of the list.")
    num_valid: int = Field(description="Different books among them.")
    num_known: int = Field(description="Of these, those in the catalogue.")
    num_fully_tagged: int = Field(description="Of these, those whose labels have been checked.")
