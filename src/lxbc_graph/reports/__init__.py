"""What comes in and goes out as files.

``units`` imports an edition of the administrative units, ``calendar`` the days that people work or rest otherwise
than published; both read their files with ``csv_rows``. ``rules`` imports how units work, from a JSON file or the one
in ``data/`` that ships.
"""
