"""What doors need of accounts: who signs the tokens."""

from typing import Annotated

from fastapi import Depends, Request

from app.accounts.service import Issuer


async def get_issuer(request: Request) -> Issuer:
    return Issuer(request.app.state.tokens, request.app.state.settings)


TokenIssuer = Annotated[Issuer, Depends(get_issuer)]
