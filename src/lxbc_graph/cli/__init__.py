"""The commands of the command line, each a thin call into the rooms below, and each imported alone.

``serve``, ``demo`` and ``relay`` run until they are ended. ``migrate``, ``imports``, ``load``, ``token``, ``schema``,
``explain`` and ``policy`` do one thing; ``accounts``, ``postings``, ``api_keys``, ``signing_keys`` and ``audit`` look
after access. ``running`` gives each a database and ``service`` the whole service; ``given`` reads what they are
given, ``progress`` shows how far they are, ``refusals`` are what they may end with.
"""
