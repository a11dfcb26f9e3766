"""Names of months in languages beside English, as strptime reads them."""

from __future__ import annotations

import calendar
import re

import pandas as pd

NAMES = (
    "januar jan jänner januari janvier janv enero ene gennaio gen janeiro",
    "februar feb februari février févr fév fevrier febrero febbraio fevereiro fev",
    "märz mär mrz maerz maart mrt mars marzo mar março marco",
    "april apr avril avr abril abr aprile",
    "mai mei maj mayo may maggio mag maio",
    "juni jun juin junio giugno giu junho",
    "juli jul juillet juil julio luglio lug julho",
    "august aug augustus augusti août aout agosto ago",
    "september sep sept septembre septiembre settembre set setembro",
    "oktober okt oct octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "dezember dez december dec décembre déc decembre diciembre dic dicembre dezembro",
)
"""Of each month in German, Dutch, French, Spanish, Italian and Portuguese, long and short."""
NUMBERS = {name: number for number, names in enumerate(NAMES, 1) for name in names.split()}
NUMBERS |= {  # before another locale could be set: as C has them
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if number
}
WORD = re.compile(r"[^\W\d_]+\.?")


def month_of(name: str) -> int | None:
    """The number of a month by its name, long or short; None: it is none."""
    return NUMBERS.get(name.strip().rstrip(".").lower())


def with_english_months(texts: pd.Series, time_format: str) -> pd.Series:
    """Texts of times whose months a format with %b or %B reads; the day before may have a dot.

    Args:
        texts: without blanks around.
        time_format: of strptime; without a month by name the texts are left as they are.
    """
    directive = next((each for each in ("%b", "%B") if each in time_format), None)
    if directive is None:
        return texts
    months = calendar.month_abbr if directive == "%b" else calendar.month_name

    def in_english(word: re.Match[str]) -> str:
        if word[0].lower() == "de":  # 1 de enero de 2021
            return ""
        number = month_of(word[0])
        return months[number] if number else word[0]

    found = [re.sub(r" {2,}", " ", WORD.sub(in_english, str(text))).strip() for text in texts]
    return pd.Series(found, index=texts.index, dtype=object)
