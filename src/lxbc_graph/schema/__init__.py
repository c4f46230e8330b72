"""What the API is: declarations, one file per noun, and what answers in their terms.

The nouns are ``unit``, ``department``, ``cadre``, ``posting``, ``category``, ``issue``, ``assignment``, ``clock``,
``event``, ``attachment``, ``rule``, ``audit_event`` and ``viewer``, each declared with ``declare``: a type stands beside its
authorization, the action that reading it requires and the rule that says which rows. ``query``, ``mutation`` and
``subscription`` are the roots, ``scalars`` and ``words`` the leaves; ``viewer_actions`` offers what ``write`` would
execute.

Control passes ``build`` (declarations → types, each by its name in ``names``) → ``sdl`` (printed and compared), and for
each operation ``execute`` (→ ``read``, ``write``; ``introspection``; ``context`` for what has a resolver), for a subscription through
``following`` (→ ``live``). ``explain_access`` says why somebody may do something, or not. What goes wrong is told as one
of the ``errors``, what the library says of it in ``chinese`` as well.
"""
