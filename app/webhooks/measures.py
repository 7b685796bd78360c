"""What is measured of webhooks."""

from app.tasks.measures import Measure

MEASURES = (
    Measure(
        {
            "wriveted_webhook_deliveries": "What webhooks were to be told today (UTC), by how that stands.",
            "wriveted_webhook_attempts": "How often that was tried.",
        },
        ("state",),
        """SELECT state, count(*), sum(attempts)
             FROM webhook_deliveries WHERE created_at >= date_trunc('day', now()) GROUP BY 1""",
    ),
    Measure(
        {"wriveted_webhooks": "Webhooks: those that do well, that fail at present, and that the system switched off."},
        ("state",),
        """SELECT CASE WHEN NOT is_active THEN 'switched_off' WHEN failures > 0 THEN 'failing' ELSE 'well' END, count(*)
             FROM webhooks WHERE is_active OR switched_off_reason IS NOT NULL GROUP BY 1""",
    ),
)
