"""What the programme knows, without any library.

``words`` are its closed vocabularies and ``terms`` what people call them; ``codes`` says what a unit's code says,
``principal`` who asks. ``machine`` is the life of an issue: ``rules`` are what may differ from unit to unit,
``deadlines`` the days by which something is due, ``errors`` why a step is refused, ``metrics`` what is counted of it.
"""
