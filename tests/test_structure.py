"""Rules for where modules belong, and for naming them. A new module goes into a package that says what it is for."""

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
MOST_MODULES_IN_A_PACKAGE = 16

# What may lie directly in each app. Everything else belongs in one of the packages.
TOP_LEVEL = {
    "attendance": """
        admin api demo exports lib management migrations models queries records registers reports rosters rules stats templatetags timetable
        apps checks metrics signals urls
    """,
    "qrsessions": """
        api codes forms management migrations models polling queries serializers services views
        admin apps converters demo refusals urls
    """,
    "config": """
        accounts embedded formats management monitoring redis serving
        admin api_parser api_schema apps context_processors errors library_strings mail middleware phone_app settings static_files urls views wsgi
    """,
}

SOURCES = ("attendance", "bench", "config", "deploy", "docs", "qrsessions", "static", "templates", "tests")
# A path from the project's folder, or from that of the templates, in a comment, a document or a text of the code.
NAMED_FILE = re.compile(rf"(?<![\w/.-])(?:{'|'.join(SOURCES)})/[\w./-]*\w\.(?:css|html|js|md|py|sh|yml)\b")
# The design's name for what is a package now.
FORMER_FILES = {"attendance/stats.py"}


def imports_of(path: Path) -> set[str]:
    """Every module that the file imports, and every name it imports from one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} uses a relative import"
            found |= {node.module or "", *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def is_test_module(module: str) -> bool:
    parts = module.split(".")
    return parts[0] == "tests" and any(part == "conftest" or part.startswith("test_") for part in parts)


def test_no_module_imports_from_a_test_module_or_a_conftest():
    wrong = {
        str(path.relative_to(PROJECT)): imported
        for path in (PROJECT / "tests").rglob("*.py")
        if (imported := {module for module in imports_of(path) if is_test_module(module)})
    }

    assert wrong == {}, "move what they share to tests/support/"


@pytest.mark.parametrize("app", TOP_LEVEL)
def test_app_has_only_known_modules_at_its_top_level(app):
    found = {
        path.stem
        for path in (PROJECT / app).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert found - {"__init__"} == set(TOP_LEVEL[app].split())


@pytest.mark.parametrize("app", [*TOP_LEVEL, "tests", "bench"])
def test_no_package_holds_too_many_modules(app):
    packages = [
        path.parent for path in (PROJECT / app).rglob("__init__.py") if path.parent.name != "migrations"
    ]
    modules = {
        str(package.relative_to(PROJECT)): len([p for p in package.glob("*.py") if p.stem != "__init__"])
        for package in packages
    }
    too_large = {package for package, number in modules.items() if number > MOST_MODULES_IN_A_PACKAGE}

    assert too_large == set()


def test_every_file_that_is_named_exists():
    texts = [path for folder in SOURCES for path in (PROJECT / folder).rglob("*.*")]
    texts = [path for path in texts if path.suffix in {".css", ".html", ".js", ".md", ".py", ".sh", ".yml"}]
    texts += [*PROJECT.glob("*.md"), *PROJECT.glob("*.py"), PROJECT / ".env.example", PROJECT / "Makefile"]
    missing = {
        f"{path.relative_to(PROJECT)}: {name}"
        for path in texts
        for name in set(NAMED_FILE.findall(path.read_text())) - FORMER_FILES
        if not (PROJECT / name).exists() and not (PROJECT / "templates" / name).exists()
    }

    assert missing == set()
