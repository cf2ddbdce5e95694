"""What a container needs: settings from files, and compose.yml and .env.example that name real settings."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
ENV_EXAMPLE = (ROOT / ".env.example").read_text()
# Read elsewhere than in settings.py.
OTHER_VARIABLES = {"WEB_WORKERS"}
# For our own programs, not for people.
INTERNAL_VARIABLES = {"ROLLCALL_LAN_URL", "STATIC_COLLECTED"}
# By the Containerfile.
SET_BY_THE_IMAGE = {"HOST", "PORT", "ROLLCALL_DATA_DIR"}
# Other programs use this name, too: compose would take it from somebody's shell.
NOT_IN_A_CONTAINER = {"DEBUG"}


def settings_variables() -> set[str]:
    source = (ROOT / "config" / "settings.py").read_text()
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source)) - INTERNAL_VARIABLES


def test_settings_come_from_the_files_that_variables_name(tmp_path):
    (tmp_path / "key").write_text("the key")
    (tmp_path / "database").write_text("postgres://rollcall:secret@db.example.edu/rollcall")
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY_FILE": str(tmp_path / "key"),
        "DATABASE_URL_FILE": str(tmp_path / "database"),
        "REDIS_URL": "redis://redis.example.edu/0",
        "CACHE_URL": "redis://redis.example.edu/1",
        "PUBLIC_URL": "https://attend.example.edu",
    }
    program = "from django.conf import settings; print(settings.SECRET_KEY, settings.DATABASES['default']['PASSWORD'])"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "the key secret"


def listed_variables() -> set[str]:
    return set(re.findall(r"^#?([A-Z_]+)=", ENV_EXAMPLE, flags=re.MULTILINE))


def test_env_example_lists_every_setting():
    assert settings_variables() <= listed_variables()
    assert listed_variables() <= settings_variables() | OTHER_VARIABLES


def test_compose_file_passes_on_every_setting():
    compose = yaml.safe_load((ROOT / "compose.yml").read_text())
    for name in ("web", "background", "migrate"):
        given = {variable.removesuffix("_FILE") for variable in compose["services"][name]["environment"]}
        assert given == listed_variables() - SET_BY_THE_IMAGE - NOT_IN_A_CONTAINER


def test_dockerignore_lets_everything_through_that_the_containerfile_copies():
    copied = re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "Containerfile").read_text(), flags=re.MULTILINE)
    let_through = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)
    assert sorted(copied) == sorted(let_through)
    assert all((ROOT / path).exists() for path in copied)
