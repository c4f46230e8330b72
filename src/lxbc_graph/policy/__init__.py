"""Who may: the enforcer is asked once per role and action; a grant becomes a scope, a scope a predicate.

Modules, in the order in which control passes: what somebody shows is one of the ``tokens``, which ``signing_keys``
vouch for, a token of the provider (``oidc``), one of the ``api_keys``, or at first a password (``sign_in``;
``passwords`` keeps them) → ``accounts`` (which principal, ``remembered`` for a moment) → ``actions`` → ``source``
(the policy as written) → ``enforcer`` (the only import of casbin; follows the files, or what is ``stored`` in
the database) → ``scope`` (which units, for
this principal and action) → ``rows`` (which rows, as SQL). ``granting`` says who may hand on what. ``administration``
is what an operator does to accounts; what is done about access is noted in the ``audit``. ``matrix`` shows the policy
to people.
"""
