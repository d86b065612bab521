"""Whether a text is plainly English, so that it need not be searched for eleven other languages.

Rule: in doubt it is not. A text that is short, has a letter beyond ASCII, be it written as an escape, or one everyday
word of another language is searched for all of them.
"""

import re

import polars as pl

# Each of the three lists is met by nearly every English text of more than a few sentences.
_ENGLISH = (
    (" the ",),
    (" and ", " of ", " to ", " in ", " is "),
    (" for ", " with ", " that ", " this ", " you ", " are ", " it ", " on ", " be "),
)
_OTHERS = [
    f" {word} "
    for word in re.findall(
        "[a-z]+",
        """
        que los las una del para por quien el la esta este ese esa sus donde
        com uma nao dos quem esse essa pra
        le les une des est qui pas dans avec pour sur ce cette
        il che della nella chi con sono questo questa di
        der das und ist nicht ein eine mit auf wer den im mein
        het een van wie niet deze dit zijn
        jest czy kto nie na sie ten
        bu bir kim ve mi
        hai kya kaun ka ki ke ko se
        """,
    )
]


def plainly_english(texts: pl.Series) -> pl.Series:
    """Which of the texts are: a boolean for each."""
    text = pl.col("text")
    words = pl.lit(" ") + pl.col("raw").str.to_lowercase().str.replace_all("[^a-z]+", " ") + pl.lit(" ")
    found = (
        pl.DataFrame({"raw": texts})
        .with_columns(text=words)
        .select(
            pl.all_horizontal([text.str.contains_any(list(words)) for words in _ENGLISH])
            & ~text.str.contains_any(_OTHERS)
            & ~pl.col("raw").str.contains(r"[\p{L}&&[^\x00-\x7f]]|\\u[0-9a-fA-F]{4}")
        )
    )
    return found.to_series()
