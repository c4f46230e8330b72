"""Logs on stderr: lines for people at a terminal, JSON otherwise; the libraries' logs take the same way."""

import logging
import sys
from contextlib import AbstractContextManager

import structlog
from structlog.typing import Processor

# Without the locals: they hold what people wrote, and who they are.
_traceback = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def answering(request_id: str) -> AbstractContextManager[None]:
    """Give what is done in the block, and what is started there, the id of the request: every line has it."""
    return structlog.contextvars.bound_contextvars(request_id=request_id)


def request_id() -> str | None:
    """Return the id of the request that is being answered, if one is."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def configure() -> None:
    """Send every log of the process to stderr; from WARNING on for libraries, from INFO on for our own."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if sys.stderr.isatty()
        else [_traceback, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line at once: others write there too
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
