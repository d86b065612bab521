"""Short excerpts of logged texts, fit to leave the store.

The rule this module keeps: what names, numbers or locates a person does not leave through an excerpt, nor does a
character that moves a cursor, turns the reading direction or starts a formula. In doubt it redacts.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LIMIT = 120  # characters of an excerpt, ellipses included
HIDDEN = "#"  # what stands for anything redacted
_REACH = 600  # raw characters looked at on each side of a signal; the rest cannot reach the excerpt
_CUT = "…"


@dataclass(frozen=True)
class Redaction:
    """A shape of text that is replaced wherever it stands.

    ``marks``: every such text in ASCII holds one of them; none are named: any text may.
    """

    what: str
    pattern: re.Pattern[str]
    lowered: re.Pattern[str]  # the same for a text that is ASCII and in lower case: several times faster
    instead: str = HIDDEN
    marks: tuple[str, ...] = ()


def _redaction(what: str, pattern: str, instead: str = HIDDEN, marks: str = "") -> Redaction:
    return Redaction(
        what, re.compile(pattern, re.IGNORECASE), re.compile(pattern, re.ASCII), instead, tuple(marks.split())
    )


_DOMAINS = "com|org|net|gov|edu|mil|int|info|biz|io|ai|us|uk|ca|au|de|fr|es|it|nl|pl|eu|mx|br|in|jp|cn|ru|example|test"
_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre"
    "|diciembre|januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|mars|avril|juin|juillet|août"
    "|septembre|octobre|novembre|décembre"
)
_ROADS = (
    "street|st|avenue|ave|road|rd|drive|dr|lane|ln|boulevard|blvd|court|ct|way|place|pl|highway|hwy|square|parkway|pkwy"
    "|terrace|circle|close"
)

REDACTIONS = (
    _redaction(
        "content taken out",
        r"(?:data:[\w/+.-]*;base64,)?\b(?:picture|base64):[0-9a-f]{8,}",
        "[picture]",
        "picture: base64:",
    ),
    _redaction(
        "content taken out",
        r"(?:data:[\w/+.-]*;base64,)?\b(?:audio|file|piece):[0-9a-f]{16,}",
        "[file]",
        "audio: file: piece:",
    ),
    _redaction("e-mail", r"[^\s@\uff20<>()\[\]\"',;:]{1,64} ?[@\uff20] ?[^\s@\uff20<>()\[\]\"',;:]+", marks="@"),
    _redaction("handle", r"[@\uff20]\w+", marks="@"),
    _redaction("URL", r"\b[a-z][a-z0-9+.-]{1,15}://[^\s\"'<>]+|\bwww\.[^\s\"'<>]+", marks=":// www."),
    _redaction(
        "host", rf"\b(?:[\w-]+\.)+(?:{_DOMAINS})\b(?:[:/][^\s\"'<>]*)?", marks=f".{_DOMAINS.replace('|', ' .')}"
    ),
    _redaction("IPv4", r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
    _redaction("IPv6", r"(?<![\w:])(?=[0-9a-f:]*\d)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])"),
    _redaction("phone, date or other digits in groups", r"[+(]?\d(?:[\s().,:/\u2013-]{0,2}\d){4,}"),
    # a run of letters is tried from its start alone: from further on it would end the same
    _redaction("digits", r"(?<![^\W\d_])[^\W\d_]*\d{3}[^\W_]*"),
    _redaction("key or hash", r"[a-z0-9+/_=-]{40,}"),
    _redaction("date", r"\b\d{1,4} ?[./-] ?\d{1,2} ?[./-] ?\d{1,4}\b"),
    _redaction("date", rf"\b\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of |de )?(?:{_MONTHS})\b\.?(?:,? (?:de )?\d+)?"),
    _redaction("date", rf"\b(?:{_MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d+)?"),
    _redaction("street", rf"\b\d{{1,6}}[a-z]?,? (?:[^\W\d_][\w.'\u2019-]* ){{1,3}}(?:{_ROADS})\b\.?"),
    _redaction(
        "street",
        r"\b(?:rue|calle|avenida|via|plaza|ul\.) (?:[^\W\d_][\w.'\u2019-]* ?){1,4}[, ]{0,2}\d{1,5}\b",
        marks="rue calle avenida via plaza ul.",
    ),
    _redaction(
        "street",
        r"\b[^\W\d_]+(?:straße|strasse|str\.|weg|gasse|platz) ?\d{1,4}[a-z]?\b",
        marks="strasse str. weg gasse platz",
    ),
)

# After these a single capitalised word is a name.
INTRODUCED = _redaction(
    "what introduces a name",
    r"\b(?:mr|mrs|ms|miss|mx|dr|prof|sir|officer|deputy|detective|det|sergeant|sgt|lieutenant|lt|captain|capt|chief"
    r"|corporal|cpl|agent|sheriff|judge|inspector|constable|trooper|ranger|marshal|inmate|suspect|defendant|victim"
    r"|witness|señor|señora|sr|sra|don|doña|herr|frau|monsieur|madame|mme|agente|oficial"
    r"|named|called|alias|aka|a\.k\.a|name(?: is|'s)?|known as|llamad[oa]|se llama|nommée?|heißt|namens)\b"
    r"[.:]?[ \"“'\u2018(]{0,3}",
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_PARTICLE_WORDS = "de del la las los da das do dos di du le van von der den ter bin ibn al el y"
# Capitalised words that are not names: they stay readable, and the word beside them is still hidden.
_COMMON_WORDS = """
    a about after again against age all also am an and any are as at attached back be because been before being
    below best between both but by can cannot could day did do does done each either else even every few find first
    follow following for from further get give given go had has have he her here him his how i if image images in
    input into is it its just know last let like list look make many me message messages monday tuesday wednesday
    thursday friday saturday sunday most must my name names new next no none not note now number of off ok on once
    one only or other our out output over own part per please possible provide question read reply result results
    return returned same say see send she should show since so some step steps still such take task tell than that
    the their them then there these they this those three through time to today tool tools two type under until up
    us use used user using very was we were what when where whether which while who whom whose why with within
    without would yes yet you your access account agency agent ai alert analysis analyst analyze animal answer api
    app application area arrest arrested assist assistant attribute audio azure base biometric biometrics blur body
    booking bureau cam camera cameras candidate case cases cctv center certainty check city clip code color compare
    compared comparing comparison confidence confirm consent content context count county crime criminal crowd
    custody dash dashboard data database date department deputy describe description detect detected detection
    detective detector device division document driver drone emotion emotional employee enforcement enrol enroll
    enrolled estimate evidence example extract eyes face faces facial feature features feed field file files flag
    footage force format frame frames function gallery gender general group guidelines hair hotlist html http https
    human id identification identified identify identifying identity important individual info information inmate
    instruction instructions intelligence investigation investigator jail json key label law legal license licence
    likely live local locate location log man match matched matches matching missing mobile model motion mug mugshot
    mugshots multiple nearest object officer officers operator option order patrol pattern people percentage person
    persons phone photo photos picture pictures plate plates police policy portrait position predict prison prisoner
    probe profile prompt public query race rank ranked ranking real record records recognise recognition recognize
    reference region report reports request rules scan scene score scoring screen search security select service
    sheriff similarity software state stream student subject subjects summary surveillance suspect suspects system
    target targets template text threshold top track tracking training unit unknown update upload vector vehicle
    verification verify verified version victim video view visitor voice wanted warrant watch watchlist witness
    woman women work worn write el la los las un una y en de del que con por para compara comparar cara rostro foto
    datos es der die das ein eine und im mit von für ist gesicht bild vergleiche le les une et dans avec pour est
    visage
"""
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
_NO_NAMES = frozenset(_COMMON_WORDS.split()) | _PARTICLES
_ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]", re.DOTALL)
_SPACES = re.compile(r" {2,}")
_BREAK = re.compile(r"[^\w@.+:/-]")
_FORMULA = "=+-@ "


def plain(text: str) -> str:
    """``text`` on one line: terminal sequences, control, bidi and invisible characters gone, whitespace folded."""
    return _clean(text).strip()


def excerpt(text: str, char_from: int, char_to: int) -> str:
    """What a reader may see of ``text`` around the characters ``[char_from, char_to)``: at most ``LIMIT`` characters.

    Offsets are code points; those outside the text are moved to its ends. Never raises for a ``str``.
    """
    before, signal, after = _pieces(text, char_from, char_to)
    line = before + signal + after
    spans = _spans(line)
    start = _moved(spans, len(before), to_end=False)
    end = max(start, _moved(spans, len(before) + len(signal), to_end=True))
    return _crop(_replaced(line, spans), start, end).lstrip(_FORMULA)


def _clean(text: str) -> str:
    """``text`` with runs of whitespace as one space and what cannot be seen taken out."""
    if text.isprintable():  # no character but letters, marks, signs and plain spaces: most texts, and far faster
        return _SPACES.sub(" ", text)
    visible = (
        " " if character.isspace() else character
        for character in _ESCAPES.sub("", text)
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    return _SPACES.sub(" ", "".join(visible))


def _pieces(text: str, char_from: int, char_to: int) -> tuple[str, str, str]:
    """The cleaned text before the signal, the signal and the text after it, within reach and cut between words."""
    start = min(max(char_from, 0), len(text))
    end = min(max(char_to, start), len(text), start + _REACH)
    low, high = max(0, start - _REACH), min(len(text), end + _REACH)
    before, after = text[low:start], text[end:high]
    if low > 0:  # half an address would not be known as one
        edge = _BREAK.search(before)
        before = before[edge.end() :] if edge else ""
    if high < len(text):
        edge = _BREAK.search(after[::-1])
        after = after[: len(after) - edge.end()] if edge else ""
    before = _clean(before).lstrip()
    signal = _clean(text[start:end])
    signal = signal.lstrip() if not before or before.endswith(" ") else signal
    after = _clean(after).rstrip()
    after = after.lstrip() if (before + signal).endswith(" ") else after
    return before, signal, after


def _spans(line: str) -> list[tuple[int, int, str]]:
    """What to replace: (start, end, instead), in order and without overlap."""
    found = [(*match.span(), each.instead) for each in REDACTIONS for match in matches(each, line)]
    found += [(start, end, HIDDEN) for start, end in _names(line)]
    merged: list[tuple[int, int, str]] = []
    for start, end, instead in sorted(found, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            first = merged.pop()
            merged.append((first[0], max(first[1], end), first[2]))
        else:
            merged.append((start, end, instead))
    return merged


def matches(each: Redaction, line: str) -> Iterator[re.Match[str]]:
    """Where ``each`` stands in a line; only the places of a match count, its text may be in lower case."""
    if not line.isascii():
        return each.pattern.finditer(line)
    lowered = line.lower()
    if each.marks and not any(mark in lowered for mark in each.marks):
        return iter(())
    return each.lowered.finditer(lowered)


def _names(line: str) -> list[tuple[int, int]]:
    """Where names of persons may stand: in runs of capitalised words, or one such word after a title or "named"."""
    introduced = {match.end() for match in matches(INTRODUCED, line)}
    found: list[tuple[int, int]] = []
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(line):
        if run and not _continues(line[run[-1].end() : word.start()], run[-1].group()):
            found += _hidden(run, line, introduced)
            run = []
        if line[word.start()].isupper() or (run and word.group() in _PARTICLES):
            run.append(word)
    return found + _hidden(run, line, introduced)


def _continues(gap: str, word: str) -> bool:
    """Whether a name may go on over ``gap`` after ``word``; a full stop only after an initial or a short title."""
    return gap in (" ", ", ", "_", "-") or (gap in (". ", ".") and len(word) <= 3)


def _hidden(run: list[re.Match[str]], line: str, introduced: set[int]) -> list[tuple[int, int]]:
    """The words of a run that may be a name, all but the common ones; none when the run is no name."""
    capitals = [word for word in run if word.group()[0].isupper()]
    if len(capitals) < 2 and not any(word.start() in introduced for word in capitals):
        return []
    spans: list[tuple[int, int]] = []
    joins = False
    for word in run:
        hides = _may_name(word, line)
        if hides and joins:
            spans[-1] = (spans[-1][0], word.end())
        elif hides:
            spans.append(word.span())
        joins = hides
    return spans


def _may_name(word: re.Match[str], line: str) -> bool:
    initial = len(word.group()) == 1 and line[word.end() : word.end() + 1] == "."
    return initial or word.group().lower() not in _NO_NAMES


def _replaced(line: str, spans: list[tuple[int, int, str]]) -> str:
    pieces, at = [], 0
    for start, end, instead in spans:
        pieces += [line[at:start], instead]
        at = end
    return "".join([*pieces, line[at:]])


def _moved(spans: list[tuple[int, int, str]], position: int, *, to_end: bool) -> int:
    """Where ``position`` lies once the spans are replaced; inside one: its end, or its start."""
    shift = 0
    for start, end, instead in spans:
        if end <= position:
            shift += len(instead) - (end - start)
        elif start < position:
            return start + shift + (len(instead) if to_end else 0)
    return position + shift


def _crop(line: str, start: int, end: int) -> str:
    """``line`` around ``[start, end)``, at most ``LIMIT`` characters, with an ellipsis where it was cut."""
    if len(line) <= LIMIT:
        return line.strip()
    room = LIMIT - 2 * len(_CUT)
    spare = max(0, room - (end - start))
    low = max(0, min(start - spare // 2, len(line) - room))
    high = low + room
    head = _CUT if low > 0 else ""
    tail = _CUT if high < len(line) else ""
    return head + line[low:high].strip() + tail
