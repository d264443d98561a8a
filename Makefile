# The two commands: make demo, make test. Both may be typed in a fresh clone.
PYTHON_ENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test lint bench clean

help: ## What can be typed here
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-11s %s\n", $$1, $$2 }'

setup: ## Make .venv and install the program into it
	@sh tools/setup.sh base

setup-test: ## The same, with what the tests need
	@sh tools/setup.sh test

demo: setup ## Play the bundled performance through two personas: out/demo/demo.mp4
	$(PYTHON_ENV)/obs-portrait demo

lint: setup-test ## Style, types on three platforms, import contracts
	$(PYTHON_ENV)/ruff check .
	$(PYTHON_ENV)/ruff format --check .
	$(PYTHON_ENV)/mypy --platform linux
	$(PYTHON_ENV)/mypy --platform win32
	$(PYTHON_ENV)/mypy --platform darwin
	$(PYTHON_ENV)/lint-imports

test: lint ## Everything that CI runs; ends with what was left out and why
	$(PYTHON_ENV)/python -m pytest

bench: setup-test ## Measure this machine, with named peers in the same run
	$(PYTHON_ENV)/python bench/face.py
	$(PYTHON_ENV)/python bench/voice.py
	$(PYTHON_ENV)/python bench/fomm.py

clean: ## Remove what make made
	rm -rf .venv out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
