"""Bytes in, bytes out: what a transport hands to the executor, and how the answer leaves.

Control passes ``server`` (listens; with others as one of its ``workers``) → ``connection`` (each of them) →
``address`` (from where) → ``graphql``, the endpoint, or ``websocket`` (with ``messages``) → ``accept`` (in which
form) → ``request`` (what is asked) → ``authenticate`` (who asks) → ``operation``, answered whole or as a ``stream``,
framed as ``sse`` or ``multipart``; what goes no further was ``rejected``. ``attachments`` are the files beside it: an
``upload`` is one of the ``media_types`` that its bytes say. ``pages`` is GraphiQL for a browser, ``health`` and
``exposition`` are for whoever watches; answers are ``timed``.
"""
