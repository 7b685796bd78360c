"""What is measured of hydration."""

from app.tasks.measures import Measure

MEASURES = (
    Measure(
        {"wriveted_hydration_budget_left": "Requests that a provider's budget had left when it was last asked."},
        ("provider",),
        "SELECT provider, greatest(tokens, 0) FROM provider_states",
    ),
    Measure(
        {"wriveted_hydration_provider_resting": "1 where a provider is left alone: it failed, or was asked too often."},
        ("provider",),
        "SELECT provider, coalesce(open_until > now(), false)::int FROM provider_states",
    ),
    Measure(
        {"wriveted_hydration_backlog": "Editions known by number only, by whether they were looked up in vain."},
        ("asked",),
        """SELECT EXISTS (SELECT FROM provider_answers a WHERE a.isbn = e.isbn), count(*)
             FROM editions e WHERE e.hydrated_at IS NULL GROUP BY 1""",
    ),
)
