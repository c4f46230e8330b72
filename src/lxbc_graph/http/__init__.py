"""Bytes in, bytes out: what a transport hands to the executor, and how the answer leaves.

``server`` listens; ``graphql`` is the endpoint over HTTP, ``websocket`` (with ``messages``) and ``sse`` the ones
that stream; all ask ``authenticate`` who it is and start an ``operation``. ``pages`` is GraphiQL for a browser,
``health`` for whoever watches.
"""
