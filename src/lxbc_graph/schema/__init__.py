"""What the API is: declarations, one file per noun; ``build`` turns them into the schema, ``execute`` answers.

A type stands beside its authorization: the action that reading it requires and the rule that says which rows.
"""
