"""Who may: the enforcer is asked once per role and action; a grant becomes a scope, a scope a predicate.

Modules, in the order in which control passes: ``tokens`` (whose token) → ``accounts`` (which principal;
``passwords`` when it logs in) → ``actions`` → ``source`` (the policy as written) → ``enforcer`` (the only import of
casbin; follows the files, or what is ``stored`` in the database) → ``scope`` (which units, for this principal and
action) → ``rows`` (which rows, as SQL). ``matrix`` shows the policy to people.
"""
