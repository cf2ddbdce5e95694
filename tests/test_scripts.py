"""The scripts run in browsers of 2021: Safari 15.0 and Chrome 90, which many students' phones still have.

The versions are those of the browser compatibility data of MDN.
"""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((PROJECT / "static" / "js").rglob("*.js"))

# What a newer browser is needed for, as a pattern, and an example.
NEWER = [
    (r"\.at\(", "list.at(-1)"),  # Chrome 92, Safari 15.4
    (r"\.findLast(Index)?\(", "list.findLast(fn)"),  # Chrome 97, Safari 15.4
    (r"\.to(Sorted|Reversed|Spliced)\(", "list.toSorted()"),  # Chrome 110, Safari 16
    (r"\.with\(", "list.with(0, 1)"),  # Chrome 110, Safari 16
    (r"\b(Object|Map)\.groupBy\b", "Object.groupBy(list, fn)"),  # Chrome 117, Safari 17.4
    (r"\bObject\.hasOwn\b", "Object.hasOwn(one, name)"),  # Chrome 93, Safari 15.4
    (r"\bArray\.fromAsync\b", "Array.fromAsync(stream)"),  # Chrome 121, Safari 16.4
    (r"\bPromise\.(withResolvers|try)\b", "Promise.withResolvers()"),  # Chrome 119, Safari 17.4
    (r"\bstructuredClone\b", "structuredClone(one)"),  # Chrome 98, Safari 15.4
    (r"\breportError\b", "reportError(error)"),  # Chrome 95, Safari 15.4
    (r"\bAbortSignal\.(timeout|any)\b", "AbortSignal.timeout(1000)"),  # Chrome 103, Safari 16
    (r"\bsignal\??\.reason\b", "throw signal.reason"),  # Chrome 98, Safari 15.4
    (r"\.throwIfAborted\(", "signal.throwIfAborted()"),  # Chrome 100, Safari 15.4
    (r"\bcrypto\.randomUUID\b", "crypto.randomUUID()"),  # Chrome 92, Safari 15.4
    (r"\.(isWellFormed|toWellFormed)\(", "text.isWellFormed()"),  # Chrome 111, Safari 16.4
    (
        r"\.(isSubsetOf|isSupersetOf|isDisjointFrom|symmetricDifference)\(",
        "one.isSubsetOf(two)",
    ),  # Chrome 122
    (r"\bURL\.(canParse|parse)\b", "URL.canParse(text)"),  # Chrome 120, Safari 17
    (r"\bResponse\.json\b", "Response.json({})"),  # Chrome 105, Safari 17
    (r"\bOffscreenCanvas\b", "new OffscreenCanvas(1, 1)"),  # Safari 16.4
    (r"\b(De)?[Cc]ompressionStream\b", "new CompressionStream('gzip')"),  # Safari 16.4
    (r"\bBroadcastChannel\b", "new BroadcastChannel(name)"),  # Safari 15.4
    (r"\bnavigator\.locks\b", "navigator.locks.request(name, fn)"),  # Safari 15.4
    (r"\.requestSubmit\(", "form.requestSubmit()"),  # Safari 16
    (r"\.checkVisibility\(", "element.checkVisibility()"),  # Chrome 105, Safari 17.4
    (r"\.(show|hide|toggle)Popover\(", "element.showPopover()"),  # Chrome 114, Safari 17
    (r"\bstartViewTransition\b", "document.startViewTransition(fn)"),  # Chrome 111, Safari 18
    (r"\.inert\b", "element.inert = true"),  # Chrome 102, Safari 15.5
    (r":has\(", "list.querySelector(':has(a)')"),  # Chrome 105, Safari 15.4
    (r"\.filter\s*=\s*[\"'`]", "context.filter = 'invert(1)'"),  # of a canvas: Safari 18
    (r"\{\s*cause\b", "new Error(text, { cause })"),  # Chrome 93
    (r"\bstatic\s*\{", "class One { static { } }"),  # Chrome 94, Safari 16.4
    (r"#\w+ in \b", "#one in other"),  # Chrome 91
    (r"\(\?<[=!]", "/(?<=a)b/"),  # Safari 16.4
    (r"/[dgimsuy]*v[dgimsuy]*[.,;)]", "/a/v.test(b)"),  # Chrome 112, Safari 17
    (
        r"\bimport\b[^;]*\bwith\s*\{",
        "import one from './one.json' with { type: 'json' }",
    ),  # Chrome 123, Safari 17.2
    (r"\b(await )?using \w+ =", "using one = open()"),  # Chrome 134
]

# What may be used in a script that also works without it: a pattern, and the check that the script must have.
ONLY_IF_THERE = [
    (r"\.wakeLock\b", "if (!navigator.wakeLock)"),  # Safari 16.4
    (r"\.submitter\b", "event.submitter ??|!dialog.showModal"),  # Safari 15.4
    (r"\.showModal\(", "!dialog.showModal|!window.HTMLDialogElement"),  # Safari 15.4
    (r"\brequestVideoFrameCallback\b", "if (video.requestVideoFrameCallback)"),  # Safari 15.4
    (r"\brequestIdleCallback\b", "globalThis.requestIdleCallback ??"),  # not in Safari
    (r"\buserActivation\b", "navigator.userActivation?."),  # Safari 16.4
    (r"\bvibrate\b", "navigator.vibrate?."),  # not in Safari
    (r"\bBarcodeDetector\b", "try {"),  # not in Safari
]


def code_of(path: Path) -> str:
    """The script without its comments."""
    text = re.sub(r"(?s)/\*.*?\*/", "", path.read_text())
    return re.sub(r"(?m)(^|\s)//.*$", "", text)


@pytest.mark.parametrize(("pattern", "example"), NEWER, ids=[example for _pattern, example in NEWER])
def test_no_script_needs_a_newer_browser(pattern, example):
    assert re.search(pattern, example)

    assert [str(path.relative_to(PROJECT)) for path in SCRIPTS if re.search(pattern, code_of(path))] == []


@pytest.mark.parametrize(
    ("pattern", "checks"), ONLY_IF_THERE, ids=[checks for _pattern, checks in ONLY_IF_THERE]
)
def test_what_only_newer_browsers_have_is_checked_first(pattern, checks):
    using = [path for path in SCRIPTS if re.search(pattern, code_of(path))]

    assert using, "remove this rule"
    unchecked = [path for path in using if not any(check in code_of(path) for check in checks.split("|"))]
    assert [str(path.relative_to(PROJECT)) for path in unchecked] == []
