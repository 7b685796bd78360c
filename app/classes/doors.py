"""What doors need of classes: who makes and shows the codes."""

from typing import Annotated

from fastapi import Depends, Request

from app.classes.codes import Codes


async def get_codes(request: Request) -> Codes:
    return Codes(request.app.state.vault, request.app.state.settings.class_code_lifetime)


ClassCodes = Annotated[Codes, Depends(get_codes)]
