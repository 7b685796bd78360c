"""What is measured of e-mail."""

from app.tasks.measures import Measure

MEASURES = (
    Measure(
        {"wriveted_emails": "E-mails of today (UTC) by what became of them."},
        ("outcome",),
        "SELECT outcome, count(*) FROM sent_emails WHERE created_at >= date_trunc('day', now()) GROUP BY 1",
    ),
)
