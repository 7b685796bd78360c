"""What is measured of labelling. Days are UTC's, as those of the budget are: what was spent falls to 0 at midnight."""

from app.tasks.measures import Measure

MEASURES = (
    Measure(
        {
            "wriveted_labellings": "Works that a labeller looked at today.",
            "wriveted_labelling_input_tokens": "Tokens that it was told today.",
            "wriveted_labelling_output_tokens": "Tokens that it answered today.",
            "wriveted_labelling_dollars": "US dollars that it cost today.",
        },
        ("labeller", "outcome"),
        """SELECT labeller, outcome, count(*), sum(input_tokens), sum(output_tokens), sum(cost)
             FROM labelling_runs WHERE at >= date_trunc('day', now()) GROUP BY 1, 2""",
    ),
    Measure(
        {"wriveted_works_unchecked": "Works that libraries hold and nobody checked, by whether they have any labels."},
        ("labels",),
        """SELECT CASE WHEN l.id IS NULL THEN 'none' ELSE 'some' END, count(*)
             FROM work_holders h LEFT JOIN labelsets l ON l.work_id = h.work_id
            WHERE h.holders > 0 AND l.checked IS NOT TRUE GROUP BY 1""",
    ),
)
