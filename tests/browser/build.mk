# The browser of the tests; included by the Makefile. BROWSER is empty where PATH has one.
#
# What is packed is for Linux on x86-64; elsewhere a browser has to be there, and the test that misses it says so.

BROWSER_ON_PATH := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
ifeq ($(filter-out $(abspath $(VENV))/%,$(BROWSER_ON_PATH))$(shell uname -sm),Linux x86_64)
BROWSER := $(VENV)/bin/chromium
endif

$(VENV)/bin/chromium: $(wildcard tests/browser/*) web/node.sh | $(VENV_PYTHON)
	@VENV_PYTHON=$(abspath $(VENV_PYTHON)) sh tests/browser/install.sh
