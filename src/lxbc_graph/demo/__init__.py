"""Worlds to work in: a small one from a file, and the demo with the programme's published figures.

Of a file, in the order in which control passes: ``world`` → ``reading`` (form) → ``entries`` (the models) →
``standing`` (what is there) → ``draft`` and ``issue_draft`` (rows). Of the demo: ``build`` → ``people`` → ``cast`` →
``schedule`` (when) → ``telling`` and ``stories`` (what, who) → ``moulds`` (many alike at once). Both tell an issue's
life through ``lives``; a file may list it event by event instead (``listing``).
"""
