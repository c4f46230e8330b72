# The clients of the tests; included by the Makefile. Node as for the pages of web/.

CLIENTS := tests/clients/node_modules/.package-lock.json

$(CLIENTS): $(wildcard tests/clients/*.json) web/node.sh | $(VENV_PYTHON)
	@echo "clients: installing those that people use, their tools and an identity provider (290 MB)"
	@VENV_PYTHON=$(abspath $(VENV_PYTHON)); . ./web/node.sh; cd tests/clients && npm ci --silent
	@touch $@
