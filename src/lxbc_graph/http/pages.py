"""The pages built from ``web/``: GraphiQL at ``/graphql`` for a browser, its assets below it."""

import os.path
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

BUILT: Final = Path(__file__).with_name("pages")

# Monaco writes <style> elements, and its fonts are data URLs: the two exceptions to 'self'.
GUARDED: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}

NOT_BUILT: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>lxbc-graph</title>
<h1>GraphiQL is not built</h1>
<p>Run <code>make pages</code> in the checkout, then reload. The API itself answers here already.</p>
<p>页面尚未构建:请在源码目录运行 <code>make pages</code> 后刷新。接口本身已可使用。</p>
</html>
"""


def graphiql(built: Path = BUILT) -> Response:
    """The GraphiQL page; asked for anew each time, since the names of its assets change with their content.

    Status 503 and how to build it where it was not built.
    """
    page = built / "graphiql.html"
    headers = GUARDED | {"Cache-Control": "no-cache", "Vary": "Accept"}
    if not page.is_file():
        return HTMLResponse(NOT_BUILT, status_code=503, headers=headers)
    return FileResponse(page, headers=headers)


def assets(built: Path = BUILT) -> Route:
    """The route of everything that a page loads: named by its content, so kept by browsers for a year."""

    def asset(request: Request) -> Response:
        file = built / "assets" / request.path_params["name"]
        if not os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises for too long a name
            raise HTTPException(404)
        return FileResponse(file, headers=GUARDED | {"Cache-Control": "public, max-age=31536000, immutable"})

    packed = Middleware(GZipMiddleware, compresslevel=6)
    return Route("/graphql/assets/{name}", asset, middleware=[packed])
