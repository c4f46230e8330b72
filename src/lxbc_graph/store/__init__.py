"""Rows: what is kept, and every way to it.

Modules, in the order in which one builds on another:

``tables``     every table
``embedded``   a real PostgreSQL inside a directory, for who has none
``outage``     how a database that is away looks
``typed``      a connection that need not ask what others have been told
``lanes``      connections for statements that stand alone
``database``   one database, opened: lanes to read, an engine for units of work, a pool for all else
``revision``   whether it has the newest tables
``upgrading``  how it comes by them: the ``migrations``, run by alembic
``migrate``    brings a database to them, where it is not there
``copying``    many rows at once
``secret``     what only this database has
``rules``      which rules are in force where, and what their settings mean
``issue_facts``  the facts of an issue as the machine sees them
``calendar``   which days people work
``files``      what was uploaded, in a folder or in S3
"""
