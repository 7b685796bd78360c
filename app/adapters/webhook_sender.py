"""Webhooks as Standard Webhooks 1.0 has them: the exact bytes are signed, by each secret that is active."""

from time import perf_counter

from app.core.outside import NoAnswer, NotAllowed, Outside
from app.webhooks.sending import Answer, Call


class WebhookSender:
    """Calls receivers, wherever in the public internet they are."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def send(self, call: Call) -> Answer:
        """One attempt. Whatever goes wrong is an answer too: the log of deliveries says so by its kind."""
        began = perf_counter()
        try:
            answer = await self._outside.request(
                "POST", call.url, headers=headers_of(call), content=call.body, purpose="webhook"
            )
        except (NotAllowed, NoAnswer) as fault:
            return Answer(None, fault.reason, round((perf_counter() - began) * 1000))
        return Answer(answer.status, None, round((perf_counter() - began) * 1000))


def headers_of(call: Call) -> dict[str, str]:
    from standardwebhooks import Webhook

    body = call.body.decode()
    signed = [Webhook(secret).sign(call.id, call.at, body) for secret in call.secrets]
    return {
        "Content-Type": "application/json",
        "webhook-id": call.id,
        "webhook-timestamp": str(int(call.at.timestamp())),
        "webhook-signature": " ".join(signed),
    }
