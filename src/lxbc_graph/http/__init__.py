"""Bytes in, bytes out: what a transport hands to the executor, and how the answer leaves.

``server`` listens, over each ``connection``; ``graphql`` is the endpoint over HTTP, ``websocket`` (with ``messages``)
and ``sse`` the ones that stream. All parse a ``request``, ask ``authenticate`` who it is and run an ``operation``;
what they refuse is ``rejected``, and ``accept`` says in which form they answer. ``pages`` is GraphiQL for a
browser, ``health`` for whoever watches.
"""
