"""What comes in and goes out as files: ``units`` imports an edition of the administrative units, read by ``csv_rows``."""
