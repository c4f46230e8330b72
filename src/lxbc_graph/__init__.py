"""The GraphQL API of 联乡帮村 (lxbc): who helps which village, what they found, and what became of it.

Rooms, in the order in which a request passes them::

    http      bytes in, bytes out
    schema    what the API is, declarations only
    read      selection -> plan -> one SQL statement -> bytes
    write     command -> policy -> state machine -> one transaction (rows + event)
    live      committed event -> relay -> broker -> subscriber -> read
    policy    who may: casbin decides the scopes, a scope becomes a predicate
    store     rows
    domain    what the programme knows, without any library

Beside them stand ``demo`` (worlds to work in) and ``reports`` (files), and over them ``__main__``, the command
line, with ``cli`` for its commands, and ``app``, which wires everything once, upon ``relaying``, which is all that
a relay needs. ``settings``, ``resources``, ``logs`` and ``telemetry`` are below all.
"""
