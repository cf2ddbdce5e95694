"""The translatable strings of the sources, and the catalogues in ``locale/``. Needs no GNU gettext."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = sorted(path.name for path in (ROOT / "locale").iterdir() if path.is_dir())
KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}

# Context and text. For a text with a plural, the singular.
Key = tuple[str | None, str]


def key_of(context: str | bytes | None, texts: str | tuple[str, ...] | list[str]) -> Key:
    # Babel returns the contexts of a compiled catalogue as bytes.
    context = context.decode() if isinstance(context, bytes) else context
    return context, texts if isinstance(texts, str) else texts[0]


def texts_of_sources() -> dict[Key, str]:
    """Every translatable text in code and templates, with a file that uses it."""
    found: dict[Key, str] = {}
    for path, code in _sources():
        for _line, texts, _comments, context in extract("python", BytesIO(code.encode()), keywords=KEYWORDS):
            found[key_of(context, texts)] = str(path.relative_to(ROOT))
    return found


def texts_by_plural() -> tuple[set[Key], set[Key]]:
    """The texts used with a plural, and those used without."""
    found: tuple[set[Key], set[Key]] = set(), set()
    for _path, code in _sources():
        for _line, texts, _comments, context in extract("python", BytesIO(code.encode()), keywords=KEYWORDS):
            found[isinstance(texts, str)].add(key_of(context, texts))
    return found


def catalogue(language: str) -> Catalog:
    with _path(language, "po").open("rb") as file:
        return read_po(file, locale=language)


def compiled(language: str, folder: Path = ROOT / "locale") -> Catalog:
    with _path(language, "mo", folder).open("rb") as file:
        return read_mo(file)


def translations(catalog: Catalog) -> dict[Key, list[str]]:
    """Every text with its translation, or with all its plural forms."""
    return {key_of(message.context, message.id): _forms(message.string) for message in catalog if message.id}


def pairs(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Pairs of text and translation, with singulars and plurals separate."""
    for message in catalog:
        if not message.id:
            continue
        texts, forms = _forms(message.id), _forms(message.string)
        yield texts[0], forms[0]
        yield from ((texts[-1], form) for form in forms[1:])


def placeholders(text: str) -> list[str]:
    """The placeholders of a text, including words such as TIME that scripts replace."""
    return sorted(re.findall(r"%\(\w+\)[sd]|%[sd%]|\{\w+\}|\b[A-Z]{4,}\b", text))


def tags(text: str) -> list[str]:
    return sorted(re.findall(r"<[^>]*>", text))


def _forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text or ""] if isinstance(text, str | None) else [*text]


def _path(language: str, ending: str, folder: Path = ROOT / "locale") -> Path:
    return folder / language / "LC_MESSAGES" / f"django.{ending}"


def _sources() -> Iterator[tuple[Path, str]]:
    for folder in ("attendance", "config", "qrsessions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, path.read_text()
    for path in sorted((ROOT / "templates").rglob("*.*")):
        # Django turns a template into text that is nearly Python, except for its indentation.
        yield path, re.sub(r"(?m)^\s+", "", templatize(path.read_text(), origin=str(path)))
