"""The names that people give: to parts of a network, to choices in `conf/`, and words that are values of an axis.

The name of a part is a piece of dotted keys and a word of constraints. It stands in variables of files, columns of
tables and labels of figures. A choice is a file's name and a value of an axis.
"""

import keyword
import re
import unicodedata

from psst_core.errors import PsstError

PART = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
CHOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
OWN = {"type": "key", "distribution": "key", "v": "variable"}  # stand where parts, or their states, have names
YAML = {"true", "false", "null", "yes", "no", "on", "off"}
FORMULA = tuple("=+-@")  # a spreadsheet calculates a text that begins so


def check_part(name: str, kind: str, key: str) -> None:
    """Raise unless a part of a network may have this name.

    Args:
        kind: the kind of part, such as population.
        key: of the part, without the name.

    Raises:
        PsstError: with a name that the part may have.
    """
    if PART.fullmatch(name) is None:
        rule = "write letters from a to z, digits and _, beginning with a letter, 64 at most"
        raise PsstError(f"{key}.{printable(name)}: cannot be the name of a {kind}; {rule}, such as {legal(name, kind)}")
    if (what := _taken(name)) is not None:
        raise PsstError(f"{key}.{name}: cannot be the name of a {kind}, as it is {what}; write {legal(name, kind)}")


def check_choice(group: str, name: str) -> None:
    """Raise unless a file in `conf/` may be chosen by this name.

    Raises:
        PsstError: with the rule.
    """
    if CHOICE.fullmatch(name) is None:
        raise PsstError(
            f"conf/{group}/{printable(name)}.yaml: cannot be chosen by this name; rename the file: letters from a to "
            "z, digits, _, - and ., beginning with a letter or digit, 100 at most"
        )


def check_word(word: str, key: str) -> None:
    """Raise unless a text may be a value of an axis. It must be fit for tables and figures.

    Raises:
        PsstError: naming the axis.
    """
    if word.startswith(FORMULA):
        raise PsstError(
            f"axis {key}: {printable(word)} begins with {word[0]}, and a spreadsheet would calculate it; a file may be "
            f"renamed, or written as ./{printable(word)}"
        )
    if not word.isprintable() or word.strip() != word or "$" in word or not word:
        raise PsstError(
            f"axis {key}: {printable(word)} cannot stand in tables and figures; write a word without $, control "
            "characters, and spaces at its ends"
        )


def legal(name: str, kind: str) -> str:
    """Return a similar name that a part may have."""
    text = re.sub(r"\W+", "_", "".join(map(_plain, name)), flags=re.ASCII).strip("_")
    if PART.fullmatch(text[:1]) is None or _taken(text) is not None:
        text = f"{kind}_{text or 1}"
    return text[:64]


def printable(name: str) -> str:
    """Return the name, or its Python literal where the name would not be seen as it is."""
    return name if name and name.isprintable() and name.strip() == name else repr(name)


def _taken(name: str) -> str | None:
    """Say what else a name means; None where it means nothing else."""
    if name in OWN:
        return f"a {OWN[name]} of PSST's own"
    if name.lower() in YAML:
        return "no word in YAML"
    return "a word of Python, by whose grammar constraints are read" if keyword.iskeyword(name) else None


def _plain(letter: str) -> str:
    """Write a letter in ASCII: é as e, α as alpha, any other one as _."""
    if letter.isascii():
        return letter
    if found := unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode():
        return found
    name = unicodedata.name(letter, "")
    if not name.startswith("GREEK"):
        return "_"
    word = name.split(" LETTER ")[-1].split()[0].lower()
    return word.capitalize() if "CAPITAL" in name else word
