"""What doors need of accounts: who signs the tokens, and who makes the keys."""

from typing import Annotated

from fastapi import Depends, Request

from app.accounts.service import Issuer
from app.core.api_keys import ApiKeys


async def get_issuer(request: Request) -> Issuer:
    return Issuer(request.app.state.tokens, request.app.state.settings)


TokenIssuer = Annotated[Issuer, Depends(get_issuer)]


async def get_key_maker(request: Request) -> ApiKeys:
    maker: ApiKeys = request.app.state.api_keys
    return maker


KeyMaker = Annotated[ApiKeys, Depends(get_key_maker)]
