"""How good the rules of the local labeller are, on real books: `python -m bench.labelling DATA_DIR`.

DATA_DIR holds `kidlit_labels_1010.csv` (cn2671/kidlit). A seeded half of it was looked at when the rules were written;
the other half, which was not, judges them. The labeller is told title, series, author and themes; it is judged by the
ages, and by the tone, which it is not told: `bench.quality.HUES_OF_TONE` says which hue a tone is, and was written
before there were any rules. The baseline says of every book what is most frequent in the first half.
"""

import argparse
import csv
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from app.labelling.labellers import Book
from app.labelling.local import judge
from app.labels.vocabulary import HueKey
from bench.quality import HUES_OF_TONE

SEED = 1010
OPEN_END = 4
"""Years that "12+" goes on for."""
SERIES = re.compile(r"(?P<title>.+?) \((?P<series>.+?),? #[\d.–-]+\)")

Ages = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Known:
    """A book as the labeller is told of it, with what people said."""

    book: Book
    ages: Ages | None
    hue: HueKey | None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.labelling", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DATA_DIR")
    folder: Path = parser.parse_args().folder
    with (folder / "kidlit_labels_1010.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    order = list(range(len(rows)))
    random.Random(SEED).shuffle(order)
    half = len(rows) // 2
    looked_at, judging = ([_known(rows[number]) for number in each] for each in (order[:half], order[half:]))
    print(f"labelling: {len(judging)} books of kidlit that the rules were not written from")
    _report_ages(looked_at, judging)
    _report_hues(looked_at, judging)


def _report_ages(looked_at: Sequence[Known], judging: Sequence[Known]) -> None:
    asked = [each for each in judging if each.ages is not None]
    usual = Counter(each.ages for each in looked_at if each.ages is not None).most_common(1)[0][0]
    middles = sorted(sum(each.ages) / 2 for each in looked_at if each.ages is not None)
    median = middles[len(middles) // 2]
    said = [_ages_said(each.book) for each in asked]
    found = sum(span is not None for span in said)
    print(f"  ages: {len(asked)} books, said of {found}; the others count as the baseline's")
    answers = {
        "rules": [span or usual for span in said],
        f"most frequent ({usual[0]}-{usual[1]})": [usual] * len(asked),
        f"median ({round(median - 1.5)}-{round(median + 1.5)})": [(round(median - 1.5), round(median + 1.5))]
        * len(asked),
    }
    for name, spans in answers.items():
        pairs = [(span, each.ages) for span, each in zip(spans, asked, strict=True) if each.ages is not None]
        within = mean(true[0] <= sum(span) / 2 <= true[1] for span, true in pairs)
        overlap = mean(span[0] <= true[1] and true[0] <= span[1] for span, true in pairs)
        error = mean(abs(sum(span) - sum(true)) / 2 for span, true in pairs)
        print(f"    {name}: middle within {within:.3f}, overlapping {overlap:.3f}, mean error {error:.2f} years")


def _report_hues(looked_at: Sequence[Known], judging: Sequence[Known]) -> None:
    asked = [each for each in judging if each.hue is not None]
    frequent = [hue for hue, _ in Counter(each.hue for each in looked_at if each.hue is not None).most_common(3)]
    said = [list(judge(each.book).hue_map)[:3] for each in asked]
    found = sum(bool(hues) for hues in said)
    print(f"  hues: {len(asked)} books with a tone that is a hue, said of {found}; the others count as the baseline's")
    answers = {"rules": [hues or frequent for hues in said], "most frequent": [frequent] * len(asked)}
    for name, each in answers.items():
        first = mean(hues[0] == known.hue for hues, known in zip(each, asked, strict=True))
        three = mean(known.hue in hues for hues, known in zip(each, asked, strict=True))
        print(f"    {name}: the first is right {first:.3f}, one of three {three:.3f}")


def _ages_said(book: Book) -> Ages | None:
    said = judge(book)
    return None if said.min_age is None or said.max_age is None else (said.min_age, said.max_age)


def _known(row: dict[str, str]) -> Known:
    numbers = [int(age) for age in re.findall(r"\d+", row["age_range"])]
    tone = HUES_OF_TONE.get(row["tone"].strip().lower())
    series = SERIES.fullmatch(row["title"])
    book = Book(
        title=series["title"] if series else row["title"],
        authors=(row["author"],),
        series=series["series"] if series else None,
        keywords="; ".join(_themes(row)),
    )
    ages = (numbers[0], numbers[1] if len(numbers) > 1 else numbers[0] + OPEN_END) if numbers else None
    return Known(book, ages, None if tone is None else HueKey(tone))


def _themes(row: dict[str, str]) -> Iterator[str]:
    return (theme.strip() for theme in row["themes"].split(","))


if __name__ == "__main__":
    main()
