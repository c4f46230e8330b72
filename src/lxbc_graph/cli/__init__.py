"""Commands of the command line that look after access, one group a file; the others stand in ``__main__``.

``accounts``, ``postings``, ``api_keys``, ``signing_keys`` and ``audit`` are the groups; ``running`` gives each a
database, and says what came of it.
"""
