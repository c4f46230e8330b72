"""Bytes in, bytes out: what a transport hands to the executor, and how the answer leaves.

Control passes ``server`` (listens; with others as one of its ``workers``) → ``connection`` (each of them, of one
address a ``crowd`` at most) → ``address`` (from where) → ``envelope`` (what all answers have) → ``once`` (no header
with two readings) → ``hosts`` (under which name) → ``origins`` (from which pages) → ``graphql``, the endpoint, or
``websocket`` (with ``messages``) → ``accept`` (in which form) → ``authenticate`` (who asks) → ``quotas`` (how much;
with others ``redis_quotas``) → ``request`` (what is asked) → ``operation``, answered whole or as a ``stream``, framed
as ``sse`` or ``multipart``; what goes no further was ``rejected``, and is ``told``. ``attachments`` are the files
beside it: an ``upload`` is one of the ``media_types`` that its bytes say. ``pages`` is GraphiQL for a browser,
``health`` and ``exposition`` are for whoever watches; answers are ``timed``.
"""
