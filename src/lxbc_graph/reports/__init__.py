"""What comes in and goes out as files.

``units`` imports an edition of the administrative units, ``calendar`` the days that people work or rest otherwise
than published. Both read their files with ``csv_rows``.
"""
