from app.schools.countries import CODES, country_rows


def test_countries_are_those_of_the_standard() -> None:
    rows = country_rows()
    assert len(rows) == len(CODES) == 249
    assert [row["id"] for row in rows] == sorted(CODES)
    assert {row["id"]: (row["phonecode"], row["name"]) for row in rows if row["id"] in ("AUS", "NZL", "CIV")} == {
        "AUS": (61, "Australia"),
        "NZL": (64, "New Zealand"),
        "CIV": (225, "Côte d'Ivoire"),
    }
    assert all(0 < row["phonecode"] < 1_000 and row["name"].strip() == row["name"] != "" for row in rows)
