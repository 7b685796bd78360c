"""The tables by which labels are inferred from what Nielsen tells. Data alone: each line has its test.

Sources of the codes: the Children's Books Marketing Classifications, the BIC 2.1 and Thema 1.5 schemes, and Nielsen's
own product classes. The first line that fits decides, and where one code begins another, the longer.
"""

from typing import NamedTuple

from app.labels.models import LabelOrigin, RecommendStatus


class Ages(NamedTuple):
    """From how many years to how many."""

    lowest: int
    highest: int


CBMC_AGES = {"A": Ages(0, 5), "B": Ages(5, 7), "C": Ages(7, 9), "D": Ages(9, 11), "E": Ages(12, 14)}
"""By the first letter of the code."""

BIC_AGES = {
    "5AB": Ages(0, 2),
    "5AC": Ages(3, 4),
    "5AD": Ages(4, 6),
    "5AF": Ages(5, 7),
    "5AG": Ages(6, 8),
    "5AH": Ages(7, 9),
    "5AJ": Ages(8, 10),
    "5AK": Ages(9, 11),
    "5AL": Ages(10, 12),
    "5AM": Ages(11, 13),
    "5AN": Ages(12, 14),
    "5AP": Ages(13, 15),
    "5AQ": Ages(14, 16),
}
THEMA_AGES = BIC_AGES | {"5AS": Ages(15, 17), "5AT": Ages(16, 18), "5AU": Ages(17, 19)}
"""By qualifier. Of several the lowest and the highest count."""

OLDER_TOO = 2
"""Years by which a book pleases beyond the oldest whom THEMA, BIC or an interest age name."""
SPAN = 4
"""Years between the bounds where only one is told."""


class Ability(NamedTuple):
    """Who can read a book of so many pages that is for readers from so many years on. Bounds are inclusive."""

    least_pages: int
    most_pages: int
    least_age: int
    most_age: int
    picture_book: bool | None
    """None: whether it is one makes no difference."""
    keys: tuple[str, ...]


ANY = 99_999
ABILITIES = (
    Ability(400, ANY, 12, ANY, None, ("HARRY_POTTER",)),
    Ability(250, ANY, 9, ANY, None, ("CHARLIE_CHOCOLATE", "HARRY_POTTER")),
    Ability(250, ANY, 0, 8, None, ("CHARLIE_CHOCOLATE",)),
    Ability(1, 100, 0, 5, True, ("SPOT", "CAT_HAT")),
    Ability(1, 33, 0, 5, False, ("SPOT",)),
    Ability(1, 33, 6, 10, None, ("SPOT",)),
    Ability(34, 100, 0, 5, False, ("CAT_HAT",)),
    Ability(34, 100, 6, 8, None, ("CAT_HAT", "TREEHOUSE")),
    Ability(34, 100, 9, ANY, None, ("TREEHOUSE",)),
    Ability(101, 249, 0, 8, None, ("TREEHOUSE",)),
    Ability(101, 249, 9, 11, None, ("TREEHOUSE", "CHARLIE_CHOCOLATE")),
    Ability(101, 249, 12, ANY, None, ("CHARLIE_CHOCOLATE",)),
)
PICTURE_BOOKS = ("YBC",)
"""Genres of BIC and THEMA that are picture books, with those below them."""


class Class(NamedTuple):
    """What a class of books is to children: a code and all that are below it."""

    scheme: str
    code: str
    status: RecommendStatus


REFERENCE, CONTROVERSIAL = RecommendStatus.BAD_REFERENCE, RecommendStatus.BAD_CONTROVERSIAL
CLASSES = (
    *(Class("PRODCC", code, CONTROVERSIAL) for code in ("F2.6", "T6", "T7", "T9", "T10")),
    *(Class("PRODCC", code, REFERENCE) for code in ("Y4.2", "Y4.3", "Y5", "Y6", "S", "T")),
    *(Class("BIC", code, CONTROVERSIAL) for code in ("FP", "BTC", "VFVX")),
    *(Class("BIC", code, REFERENCE) for code in ("CB", "GB", "YQ", "YR")),
    *(Class("THEMA", code, CONTROVERSIAL) for code in ("FP", "DNXC", "VFVC")),
    *(Class("THEMA", code, REFERENCE) for code in ("CB", "GB", "YP", "YR")),
)
SCHEME_ORIGINS = {
    "PRODCC": LabelOrigin.PREDICTED_NIELSEN,
    "BIC": LabelOrigin.NIELSEN_BIC,
    "THEMA": LabelOrigin.NIELSEN_THEMA,
}
"""The schemes in the order in which they are asked, and whose word each is."""

NO_SUMMARIES = ("synopsis coming soon",)
"""Texts that stand where a summary is still to be written."""
SUMMARY_LENGTH = 250
