"""Rows: tables, migrations, the embedded server, pools."""
