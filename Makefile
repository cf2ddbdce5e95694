# Rollcall from nothing: needs python3 (3.11 or newer) with pip and venv, and make.
# PORT, HOST and ROLLCALL_DATA_DIR come from the environment or the command line: make run PORT=9000

.DEFAULT_GOAL := help
.PHONY: help run test test-all chaos bench bench-compare pictures messages lock clean

BIN := .venv/bin

# Where it is set, each process that is started would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

# Use the tests' own servers and ignore the addresses in a .env file, so that no test touches real data.
DATA_DIR := $(or $(ROLLCALL_DATA_DIR),.data)
FOR_TESTS := ROLLCALL_DATA_DIR='$(DATA_DIR)/test' ROLLCALL_TEST_SERVERS=1 \
  DATABASE_URL= REDIS_URL= CACHE_URL= SECRET_KEY= PUBLIC_URL=
LIKE_PRODUCTION := DATABASE_URL=postgres://rollcall@db.example.edu/rollcall \
  REDIS_URL=redis://redis.example.edu/0 CACHE_URL=redis://redis.example.edu/1 PUBLIC_URL=https://attend.example.edu \
  EMAIL_URL=smtp+tls://rollcall:secret@mail.example.edu:587

help:
	@echo 'make run            start the whole site, with demo data the first time (PORT, HOST, ROLLCALL_DATA_DIR)'
	@echo 'make test           run every check and every test'
	@echo 'make test-all       the same, with the long forms of the slow tests'
	@echo 'make messages       collect the texts to translate and compile the translations (docs/translating.md)'
	@echo 'make pictures       take the pictures in docs/images again'
	@echo 'make bench          measure speed on this machine; writes bench/README.md'
	@echo 'make bench-compare  compare the last two of these runs, or two files: A=x.json B=y.json'
	@echo 'make chaos          kill real servers under load, with 5,000 marks per fault; writes docs/chaos.md'
	@echo 'make lock           compile requirements/*.in to *.txt with hashes'
	@echo 'make clean          remove the virtual environment and all caches; .data/ stays'

run:
	@python3 bootstrap.py base embedded
	@exec $(BIN)/python -m config.serving.run

# One more than there are processors: tests wait for browsers and servers.
TESTERS = $(shell python3 -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')

# pytest leaves out the tests marked "slow" unless told otherwise.
test-all: SLOW_TOO = -m ''
# Cheap checks come first.
test test-all:
	@python3 bootstrap.py base embedded dev
	@$(BIN)/python -m tests.support.browser.chromium
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --check --target-version 5.2
	@SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))')" $(LIKE_PRODUCTION) \
	  $(BIN)/python -W error manage.py check --deploy --fail-level WARNING
	$(BIN)/lint-imports
	@$(FOR_TESTS) $(BIN)/mypy .
	@$(FOR_TESTS) $(BIN)/python -W error manage.py makemigrations --check --dry-run
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal $(SLOW_TOO)

# The short form of this is part of `make test`.
chaos:
	@python3 bootstrap.py base embedded dev
	@mkdir -p '$(DATA_DIR)'
	@exec $(BIN)/python -m tests.chaos --marks 5000 --right-seconds 10 --page docs/chaos.md --log '$(DATA_DIR)/chaos.log'

# On a machine that does nothing else.
bench:
	@python3 bootstrap.py base embedded
	@exec $(BIN)/python -m bench --page bench/README.md

bench-compare:
	@$(BIN)/python -m bench.report.compare $(A) $(B)

lock:
	@python3 bootstrap.py base embedded dev
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(BIN)/python -m pip install --quiet uv
	@cd requirements && for name in base embedded dev; do \
	  ../$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	    $$name.in --output-file $$name.txt || exit 1; done

clean:
	rm -rf .venv staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

pictures:
	@python3 bootstrap.py base embedded dev
	$(BIN)/python -m pytest -q tests/e2e/pictures.py

messages:
	@command -v msgmerge >/dev/null || { echo 'make messages needs GNU gettext: install it first (Debian, Ubuntu: apt-get install gettext; macOS: brew install gettext).' >&2; exit 1; }
	@python3 bootstrap.py base embedded dev
	$(BIN)/python manage.py makemessages --all --no-obsolete --no-wrap --add-location file \
	  --ignore '.*' --ignore tests --ignore bench --ignore deploy --ignore staticfiles --ignore node_modules
	$(BIN)/python manage.py compilemessages --ignore '.*'
